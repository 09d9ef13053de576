//! Installs Atlas into `.tools`, for this machine or another.
//!
//! The pinned community release is downloaded and verified by its SHA-256. Where that is
//! not possible, Go builds the same release, or at last an older one; it verifies the
//! sources by its checksum database.

use std::{
    collections::HashMap,
    env, fmt, fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use crate::download::{Download, download};

/// Serves the releases, unless the variable `ATLAS_RELEASE_SERVER` names a mirror.
const RELEASE_SERVER: &str = "https://release.ariga.io/atlas";
/// The Go package of the program.
const PACKAGE: &str = "ariga.io/atlas/cmd/atlas";

/// `[atlas]` of tools.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pins {
    version: String,
    commit: String,
    /// SHA-256 of the community release for each platform.
    sha256: HashMap<String, String>,
    fallback: Fallback,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Fallback {
    version: String,
    x_tools: String,
    newest_postgres: u32,
}

/// An installed program.
#[derive(Debug)]
pub struct Installed {
    pub program: PathBuf,
    pub version: String,
    /// `downloaded` or `built by Go`.
    pub origin: &'static str,
}

/// A platform as Go and the releases of Atlas name it: `linux-arm64`.
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
        Self { system: "linux", architecture }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.system, self.architecture)
    }
}

/// Installs Atlas for this machine, and links `.tools/atlas` to it.
///
/// # Errors
/// When no way works, or a downloaded file is not the pinned release.
pub fn install(root: &Path) -> Result<Installed> {
    let installed = provide(root, Platform::here(), None).context(
        "Atlas was not installed. Put it on PATH (https://atlasgo.io/community-edition), name a \
         program with ATLAS=/path/to/atlas, or remove the cause below, then run `just setup` again",
    )?;
    let tools = crate::directory(root);
    let scratch = tempfile::tempdir_in(&tools)?;
    let link = scratch.path().join("atlas");
    symlink(installed.program.file_name().unwrap_or_default(), &link)?;
    fs::rename(&link, tools.join("atlas")).context("cannot link .tools/atlas")?;
    Ok(installed)
}

/// Installs an Atlas for another machine that works with PostgreSQL `major`; returns the
/// program and its version.
///
/// # Errors
/// As [`install`].
pub fn for_platform(root: &Path, platform: Platform, major: u32) -> Result<(PathBuf, String)> {
    let installed = provide(root, platform, Some(major))?;
    Ok((installed.program, installed.version))
}

/// Tries each way to get Atlas, best first. Programs stay in `.tools`, so that the next run
/// tries again only the ways that are better than the one that worked.
fn provide(root: &Path, platform: Platform, postgres: Option<u32>) -> Result<Installed> {
    let pins: Pins = crate::manifest(root)?
        .remove("atlas")
        .context("tools.toml has no [atlas]")?
        .try_into()
        .context("tools.toml: [atlas]")?;
    let tools = crate::directory(root);
    fs::create_dir_all(&tools).with_context(|| format!("cannot create {}", tools.display()))?;
    let installed = |version: &str, suffix: &str, origin| Installed {
        program: tools.join(format!("atlas-{platform}-{version}{suffix}")),
        version: version.to_owned(),
        origin,
    };

    let release = installed(&pins.version, "", "downloaded");
    let unavailable = match pins.sha256.get(&platform.to_string()) {
        _ if release.program.exists() => return Ok(release),
        None => "tools.toml has no SHA-256 of it".to_owned(),
        Some(sha256) => match fetch(&release, platform, sha256)? {
            Ok(()) => return Ok(release),
            Err(unavailable) => unavailable,
        },
    };
    println!("- Atlas {} for {platform} cannot be downloaded: {unavailable}", pins.version);

    // Its own `replace ariga.io/atlas => ../..` counts only in its own repository.
    let same = installed(&pins.version, "-go", "built by Go");
    let modules = format!(
        "require {PACKAGE} {}\nreplace ariga.io/atlas => ariga.io/atlas {}\n",
        pins.commit, pins.version
    );
    let Err(error) = build(&same, platform, &modules, "community") else {
        return Ok(same);
    };
    println!("- Atlas {} cannot be built: {error:#}", pins.version);

    let Fallback { version, x_tools, newest_postgres } = &pins.fallback;
    const REMEDY: &str = "Install Go (https://go.dev/dl), or make the release server reachable, or \
                          a mirror of it that ATLAS_RELEASE_SERVER names";
    if let Some(major) = postgres {
        ensure!(
            major <= *newest_postgres,
            "no Atlas for {platform} that works with PostgreSQL {major}: {unavailable}. {REMEDY}"
        );
    }
    let older = installed(version, "", "built by Go");
    let modules = format!("require {PACKAGE} {version}\nrequire golang.org/x/tools {x_tools}\n");
    build(&older, platform, &modules, "")
        .with_context(|| format!("no Atlas for {platform}: {unavailable}. {REMEDY}"))?;
    Ok(older)
}

/// Downloads the release; returns the reason where that is not possible.
///
/// # Errors
/// When the file is not the pinned one: to continue would be unsafe.
fn fetch(release: &Installed, platform: Platform, sha256: &str) -> Result<Result<(), String>> {
    let server = env::var("ATLAS_RELEASE_SERVER").unwrap_or_default();
    let server = match server.trim_end_matches('/') {
        "" => RELEASE_SERVER,
        mirror => mirror,
    };
    let url = format!("{server}/atlas-community-{platform}-{}", release.version);
    let scratch = scratch(release)?;
    let file = scratch.path().join("atlas");
    Ok(match download(&url, &file, sha256)? {
        Download::Done => Ok(release.put(&file)?),
        Download::Unavailable(reason) => Err(reason),
        Download::Other(found) => bail!(
            "the file at {url} is not the pinned release: its SHA-256 is {found}, but tools.toml \
             says {sha256}. Nothing was installed. If you changed tools.toml, change the SHA-256 \
             with the version; if you set ATLAS_RELEASE_SERVER, check what it serves"
        ),
    })
}

/// Builds Atlas from the Go modules that `modules` requires, unless it is there. `flavor` is
/// what `atlas version` says of the edition.
fn build(program: &Installed, platform: Platform, modules: &str, flavor: &str) -> Result<()> {
    if program.program.exists() {
        return Ok(());
    }
    let go = process::optional(Command::new("go").arg("version"))?;
    ensure!(go.is_some(), "Go is not installed");
    let version = &program.version;
    println!("  building Atlas {version} for {platform} with Go, which takes a few minutes");
    let scratch = scratch(program)?;
    fs::write(
        scratch.path().join("go.mod"),
        format!("module build-atlas\n\ngo 1.24\n\n{modules}"),
    )?;
    let api = format!("{PACKAGE}/internal/cmdapi");
    process::output(
        Command::new("go")
            .current_dir(scratch.path())
            .envs([
                ("CGO_ENABLED", "0"),
                ("GOOS", platform.system),
                ("GOARCH", platform.architecture),
                ("GOWORK", "off"),
                ("GOFLAGS", "-mod=mod"),
            ])
            .args(["build", "-trimpath", "-ldflags"])
            .arg(format!("-s -w -X {api}.version={version} -X {api}.flavor={flavor}"))
            .args(["-o", "atlas", PACKAGE]),
    )?;
    program.put(&scratch.path().join("atlas"))
}

/// Creates a directory beside the program, for files that are not finished.
fn scratch(program: &Installed) -> Result<TempDir> {
    let tools = program.program.parent().context("no directory")?;
    Ok(tempfile::tempdir_in(tools)?)
}

impl Installed {
    /// Moves a finished file to its place, so that nobody finds half a program.
    fn put(&self, made: &Path) -> Result<()> {
        fs::set_permissions(made, fs::Permissions::from_mode(0o755))?;
        fs::rename(made, &self.program)
            .with_context(|| format!("cannot write {}", self.program.display()))
    }
}
