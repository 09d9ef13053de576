use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use migrations::Project;
use postgres::settings::setting;
use tools::atlas::Platform;

use crate::architecture::Architecture;

/// Setting that names a program for the layer instead of the pinned one.
const OVERRIDE: &str = "ATLAS_LAMBDA";

/// Atlas for the function, with a description: the program that `ATLAS_LAMBDA` names, else
/// the pinned release, else a build by Go. The user must know that a named program is for this
/// processor, and which versions of PostgreSQL it supports.
///
/// # Errors
/// When there is no program for this processor, or none that supports PostgreSQL `major`.
pub(super) fn atlas(
    project: &Project,
    architecture: Architecture,
    major: u32,
) -> Result<(PathBuf, String)> {
    if let Some(named) = setting(&project.root, OVERRIDE)? {
        let program = project.root.join(named);
        ensure!(program.is_file(), "{OVERRIDE} names no file: {}", program.display());
        let description = format!("Atlas {}", program.display());
        return Ok((program, description));
    }
    let platform = Platform::linux(architecture.go_name());
    let (program, version) = tools::atlas::for_platform(&project.root, platform, major)
        .with_context(|| format!("{OVERRIDE}=/path/to/atlas can name the function's Atlas"))?;
    Ok((program, format!("Atlas {version} for {platform}")))
}
