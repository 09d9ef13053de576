//! Installs Atlas into `target/tools` of the project, never system-wide.
//!
//! The pinned community release is downloaded, and made executable only after its
//! checksum was verified. Where it cannot be had, Go builds an older release from
//! its module proxy; Go verifies what it downloads against its checksum database.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::process::{self, text};

/// Serves the releases. A mirror is named by the variable `ATLAS_RELEASE_SERVER`.
const RELEASE_SERVER: &str = "https://release.ariga.io/atlas";

/// A release for one kind of machine. To move to a newer one, take its SHA-256
/// from the release server: it stands beside the file, with `.sha256` appended.
/// The server keeps a release for about six months.
struct Release {
    platform: &'static str,
    version: &'static str,
    sha256: &'static str,
}

const RELEASES: &[Release] = &[
    Release {
        platform: "linux-amd64",
        version: "v1.3.0",
        sha256: "10d7913e3dce43ab99b8d71534a4cbadaf11a16dc293adf3b91d10e83a0ac70b",
    },
    Release {
        platform: "linux-arm64",
        version: "v1.2.0",
        sha256: "8f7f89dd977a85ffe9be66fe157ce462a03036ef67a229ce8a39c3b1856e53f9",
    },
    Release {
        platform: "darwin-amd64",
        version: "v1.3.0",
        sha256: "650981a024301775ec964e5134e2d5712b7ef1b25fec4b2ec54bad762b4bdf6f",
    },
    Release {
        platform: "darwin-arm64",
        version: "v1.3.0",
        sha256: "4e5ffdc10b2b4fd3a06074aba72848150907d5316cacad7b19bae6c6ae3db991",
    },
];

/// The last release that the Go module proxy has. Its own golang.org/x/tools does
/// not compile with a current Go, so that is raised.
const GO_VERSION: &str = "v0.13.1";
const GO_PACKAGE: &str = "ariga.io/atlas/cmd/atlas";
const GO_MODULE: &str = "module build-atlas

go 1.24

require (
\tariga.io/atlas/cmd/atlas v0.13.1
\tgolang.org/x/tools v0.38.0
)
";

/// Installs Atlas at `target/tools/atlas` below `root`.
pub(crate) fn install(root: &Path) -> Result<()> {
    let tools = root.join("target/tools");
    fs::create_dir_all(&tools).with_context(|| format!("cannot create {}", tools.display()))?;
    // Both ways end in a rename, so that no half a program is ever found there.
    let directory = tempfile::tempdir_in(&tools)?;
    let made = match download(directory.path())? {
        Ok(program) => program,
        Err(unavailable) => {
            println!("- Atlas cannot be downloaded: {unavailable}");
            build(directory.path()).with_context(|| {
                format!(
                    "Atlas was not installed. Download: {unavailable}. Do one of these, then run \
                     `just setup` again: put Atlas on PATH (https://atlasgo.io/community-edition), \
                     name a program with ATLAS=/path/to/atlas, name a mirror with \
                     ATLAS_RELEASE_SERVER, or install Go (https://go.dev/dl)"
                )
            })?
        }
    };
    fs::set_permissions(&made, fs::Permissions::from_mode(0o755))?;
    fs::rename(&made, tools.join("atlas")).context("cannot put Atlas into target/tools")
}

/// The downloaded and verified program, or why there is none to download.
///
/// # Errors
/// When a file came that is not the pinned one: going on would be unsafe.
fn download(directory: &Path) -> Result<Result<PathBuf, String>> {
    let platform = platform();
    let Some(release) = RELEASES.iter().find(|release| release.platform == platform) else {
        return Ok(Err(format!("there is no release for {platform}")));
    };
    let server = setting("ATLAS_RELEASE_SERVER", RELEASE_SERVER);
    let url = format!(
        "{}/atlas-community-{platform}-{}",
        server.trim_end_matches('/'),
        release.version
    );
    let expected = setting("ATLAS_SHA256", release.sha256);

    println!("  downloading {url}");
    let file = directory.join("download");
    let curl = process::optional(
        Command::new("curl")
            .args(["--fail", "--location", "--silent", "--show-error"])
            .args(["--connect-timeout", "20", "--max-time", "600", "--output"])
            .arg(&file)
            .arg(&url),
    )?;
    match curl {
        None => return Ok(Err("curl is not installed".into())),
        Some(output) if !output.status.success() => {
            return Ok(Err(format!("{} ({url})", text(&output.stderr).trim())));
        }
        Some(_) => {}
    }
    let found = sha256(&file)?;
    ensure!(
        found == expected,
        "the file at {url} is not the pinned release: its SHA-256 is {found}, expected {expected}. \
         Nothing was installed. If you changed ATLAS_RELEASE_SERVER, check what it serves"
    );
    Ok(Ok(file))
}

/// Builds Atlas with Go.
fn build(directory: &Path) -> Result<PathBuf> {
    if process::optional(Command::new("go").arg("version"))?.is_none() {
        bail!("Go is not installed either");
    }
    println!(
        "  building Atlas {GO_VERSION} with Go, a few minutes (it works with PostgreSQL up to 15)"
    );
    fs::write(directory.join("go.mod"), GO_MODULE)?;
    process::output(
        Command::new("go")
            .current_dir(directory)
            .envs([
                ("CGO_ENABLED", "0"),
                ("GOWORK", "off"),
                ("GOFLAGS", "-mod=mod"),
            ])
            .args(["build", "-trimpath", "-ldflags"])
            .arg(format!(
                "-s -w -X {GO_PACKAGE}/internal/cmdapi.version={GO_VERSION}"
            ))
            .args(["-o", "atlas", GO_PACKAGE]),
    )?;
    Ok(directory.join("atlas"))
}

/// This machine, as Atlas' releases call it.
fn platform() -> String {
    let system = match env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let architecture = match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}-{architecture}")
}

fn sha256(file: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(fs::read(file)?);
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn setting(variable: &str, default: &str) -> String {
    env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| default.to_owned())
}
