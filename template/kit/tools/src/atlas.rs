//! Installs Atlas into `.tools` of the project, never system-wide: the program for
//! this machine, and the one that the migration function calls.
//!
//! The pinned community release is downloaded, and made executable only after its
//! checksum was verified. Where it cannot be had, Go builds an older release from
//! its module proxy; Go verifies what it downloads against its checksum database.

use std::{
    env, fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::download::{Download, download, sha256_of};

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
/// The newest PostgreSQL that it works with.
const GO_VERSION_POSTGRES: u32 = 15;
const GO_PACKAGE: &str = "ariga.io/atlas/cmd/atlas";
const GO_MODULE: &str = "module build-atlas

go 1.24

require (
\tariga.io/atlas/cmd/atlas v0.13.1
\tgolang.org/x/tools v0.38.0
)
";

/// A kind of machine, as Go and Atlas' releases call it: `linux-arm64`.
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    system: &'static str,
    architecture: &'static str,
}

impl Platform {
    /// This machine.
    fn here() -> Self {
        Self {
            system: match env::consts::OS {
                "macos" => "darwin",
                other => other,
            },
            architecture: match env::consts::ARCH {
                "x86_64" => "amd64",
                "aarch64" => "arm64",
                other => other,
            },
        }
    }

    pub fn linux(architecture: &'static str) -> Self {
        Self {
            system: "linux",
            architecture,
        }
    }

    fn release(self) -> Option<&'static Release> {
        let platform = self.to_string();
        RELEASES.iter().find(|release| release.platform == platform)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.system, self.architecture)
    }
}

/// Installs Atlas for this machine at `.tools/atlas` below `root`.
pub fn install(root: &Path) -> Result<()> {
    let (tools, scratch) = tools(root)?;
    let platform = Platform::here();
    let release = platform.release();
    let sha256 = release.map(|release| setting("ATLAS_SHA256", release.sha256));
    let made = match fetch(platform, sha256.as_deref(), scratch.path())? {
        Ok(program) => program,
        Err(unavailable) => {
            println!("- Atlas cannot be downloaded: {unavailable}");
            build(platform, scratch.path()).with_context(|| {
                format!(
                    "Atlas was not installed. Download: {unavailable}. Do one of these, then run \
                     `just setup` again: put Atlas on PATH (https://atlasgo.io/community-edition), \
                     name a program with ATLAS=/path/to/atlas, name a mirror with \
                     ATLAS_RELEASE_SERVER, or install Go (https://go.dev/dl)"
                )
            })?
        }
    };
    put(&made, &tools.join("atlas"))
}

/// Atlas for another machine, which is to work with PostgreSQL `major`; returns the
/// program and its version. What was made once is kept in `.tools`.
pub fn for_platform(
    root: &Path,
    platform: Platform,
    major: u32,
) -> Result<(PathBuf, &'static str)> {
    let (tools, scratch) = tools(root)?;
    let unavailable = match platform.release() {
        None => format!("there is no release for {platform}"),
        Some(release) => {
            let kept = tools.join(format!("atlas-{platform}-{}", release.version));
            if kept.exists() && sha256_of(&kept)? == release.sha256 {
                return Ok((kept, release.version));
            }
            match fetch(platform, Some(release.sha256), scratch.path())? {
                Ok(program) => {
                    put(&program, &kept)?;
                    return Ok((kept, release.version));
                }
                Err(unavailable) => unavailable,
            }
        }
    };
    println!("- Atlas for {platform} cannot be downloaded: {unavailable}");
    const REMEDY: &str = "name a program for that machine with ATLAS_LAMBDA=/path/to/atlas, or a \
                          mirror of the releases with ATLAS_RELEASE_SERVER";
    ensure!(
        major <= GO_VERSION_POSTGRES,
        "there is no Atlas for {platform} here that works with PostgreSQL {major}: what Go could \
         build, {GO_VERSION}, knows versions up to {GO_VERSION_POSTGRES}. Download: {unavailable}. \
         Make the release server reachable, {REMEDY}"
    );
    let kept = tools.join(format!("atlas-{platform}-{GO_VERSION}"));
    if !kept.exists() {
        let built = build(platform, scratch.path()).with_context(|| {
            format!(
                "there is no Atlas for {platform}. Download: {unavailable}. Install Go \
                 (https://go.dev/dl), {REMEDY}"
            )
        })?;
        put(&built, &kept)?;
    }
    Ok((kept, GO_VERSION))
}

/// The directory for tools, and one inside it that goes away. All ways to a program
/// end in a rename, so that no half a program is ever found.
fn tools(root: &Path) -> Result<(PathBuf, TempDir)> {
    let tools = root.join(".tools");
    fs::create_dir_all(&tools).with_context(|| format!("cannot create {}", tools.display()))?;
    let scratch = tempfile::tempdir_in(&tools)?;
    Ok((tools, scratch))
}

fn put(made: &Path, program: &Path) -> Result<()> {
    fs::set_permissions(made, fs::Permissions::from_mode(0o755))?;
    fs::rename(made, program).with_context(|| format!("cannot put Atlas at {}", program.display()))
}

/// The downloaded and verified program, or why there is none to download.
///
/// # Errors
/// When a file came that is not the pinned one: going on would be unsafe.
fn fetch(
    platform: Platform,
    sha256: Option<&str>,
    directory: &Path,
) -> Result<Result<PathBuf, String>> {
    let (Some(release), Some(expected)) = (platform.release(), sha256) else {
        return Ok(Err(format!("there is no release for {platform}")));
    };
    let server = setting("ATLAS_RELEASE_SERVER", RELEASE_SERVER);
    let url = format!(
        "{}/atlas-community-{platform}-{}",
        server.trim_end_matches('/'),
        release.version
    );
    let file = directory.join("download");
    match download(&url, &file, expected)? {
        Download::Done => Ok(Ok(file)),
        Download::Unavailable(why) => Ok(Err(why)),
        Download::Other(found) => bail!(
            "the file at {url} is not the pinned release: its SHA-256 is {found}, expected \
             {expected}. Nothing was installed. If you changed ATLAS_RELEASE_SERVER, check what it \
             serves"
        ),
    }
}

/// Builds Atlas with Go.
fn build(platform: Platform, directory: &Path) -> Result<PathBuf> {
    if process::optional(Command::new("go").arg("version"))?.is_none() {
        bail!("Go is not installed either");
    }
    println!(
        "  building Atlas {GO_VERSION} with Go, a few minutes (it works with PostgreSQL up to \
         {GO_VERSION_POSTGRES})"
    );
    fs::write(directory.join("go.mod"), GO_MODULE)?;
    process::output(
        Command::new("go")
            .current_dir(directory)
            .envs([
                ("CGO_ENABLED", "0"),
                ("GOOS", platform.system),
                ("GOARCH", platform.architecture),
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

fn setting(variable: &str, default: &str) -> String {
    env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| default.to_owned())
}
