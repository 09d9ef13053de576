//! The daily commands.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, ensure};
use template_tests::run;

use crate::{Figure, median, project};

/// `check-migrations`, when nothing changed and when all has to be done.
pub(crate) fn check(directory: &Path, figures: &mut Vec<Figure>) -> Result<()> {
    println!("check_unchanged, check_changed");
    let project = project(directory)?;
    project.just(&["check-migrations"]).succeeded()?;
    let start = project.root.join("kit/run");
    let floor = median(
        20,
        project.command(&start).args(["--bin=xtask", "--version"]),
    )?;
    for (name, arguments) in [
        ("check_unchanged", &["check-migrations"][..]),
        ("check_changed", &["check-migrations", "--force"]),
    ] {
        figures.push(Figure {
            name: name.into(),
            unit: "ms".into(),
            value: median(
                20,
                project.command(&start).arg("--bin=xtask").args(arguments),
            )?,
            peer: "starting the same program for nothing".into(),
            peer_value: floor,
        });
    }
    project.just(&["db-down"]).succeeded()?;
    Ok(())
}

/// The release build of `print-schema` for so many entities.
pub(crate) fn print_schema(
    directory: &Path,
    entities: usize,
    figures: &mut Vec<Figure>,
) -> Result<()> {
    println!("print_schema_{entities}");
    let project = project(directory)?;
    let sources = project.root.join("crates/entity/src");
    for entry in fs::read_dir(&sources)? {
        let path = entry?.path();
        if !path.ends_with("lib.rs") {
            fs::remove_file(path)?;
        }
    }
    for number in 0..entities {
        fs::write(sources.join(format!("t{number}.rs")), entity(number))?;
    }
    run(project
        .command("cargo")
        .args(["build", "--quiet", "--release", "--bin", "print-schema"]))
    .succeeded()?;
    let program = project.root.join("target/release/print-schema");
    let printed = run(&mut Command::new(&program)).succeeded()?.output;
    ensure!(
        printed.matches("CREATE TABLE").count() == entities,
        "not every entity was printed"
    );
    figures.push(Figure {
        name: format!("print_schema_{entities}"),
        unit: "ms".into(),
        value: median(100, &mut Command::new(&program))?,
        peer: "starting a program that does nothing".into(),
        peer_value: median(100, &mut Command::new("true"))?,
    });
    Ok(())
}

/// A table that refers to the one before it.
fn entity(number: usize) -> String {
    let before = number.saturating_sub(1);
    format!(
        "use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = \"t{number}\")]
pub struct Model {{
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub code: String,
    pub name: Option<String>,
    pub data: Json,
    pub made: DateTimeUtc,
    #[sea_orm(indexed)]
    pub before_id: i64,
    #[sea_orm(belongs_to, from = \"before_id\", to = \"id\")]
    pub before: HasOne<super::t{before}::Entity>,
}}

impl ActiveModelBehavior for ActiveModel {{}}
"
    )
}
