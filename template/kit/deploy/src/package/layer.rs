use std::path::PathBuf;

use anyhow::{Context, Result};
use postgres::settings::setting;

use crate::stack::Architecture;
use migrations::Project;
use tools::atlas::Platform;

/// Names a program to put into the layer instead of the pinned one.
const OVERRIDE: &str = "ATLAS_LAMBDA";

/// Atlas for the function.
#[derive(Debug)]
pub(super) struct LambdaAtlas {
    pub(super) program: PathBuf,
    pub(super) description: String,
}

/// The program that `ATLAS_LAMBDA` names, else the pinned release, else a build by Go.
/// Which PostgreSQL a named program works with is for its user to know.
///
/// # Errors
/// When there is none for this processor, or none that works with PostgreSQL `major`.
pub(super) fn atlas(
    project: &Project,
    architecture: Architecture,
    major: u32,
) -> Result<LambdaAtlas> {
    if let Some(named) = setting(&project.root, OVERRIDE)? {
        let program = project.root.join(named);
        architecture
            .check_program(&program)
            .with_context(|| format!("{OVERRIDE} names no Atlas for the function"))?;
        return Ok(LambdaAtlas {
            description: format!("Atlas {}", program.display()),
            program,
        });
    }
    let platform = Platform::linux(architecture.in_go());
    let (program, version) = tools::atlas::for_platform(&project.root, platform, major)
        .with_context(|| format!("{OVERRIDE}=/path/to/atlas can name the function's Atlas"))?;
    architecture.check_program(&program)?;
    Ok(LambdaAtlas {
        program,
        description: format!("Atlas {version} for {platform}"),
    })
}
