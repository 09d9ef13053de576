//! `just rehearse-deploy`: deployments on an emulator of AWS.

use std::{fs, os::unix::fs::symlink, process::Command};

use template_tests::{Outcome, Tools, checkout};

use crate::shared::{Shared, says};

const LOGS: [&str; 4] = ["emulator.log", "function.log", "lock", "sam.log"];

/// A repository with a migration and the tools for its deployment.
pub(crate) fn ready() -> Shared {
    let mut project = Shared::with_first_migration();
    // Those that `just tools` installed, which is what `just setup-deploy` would do here.
    let tools = project.root.join(".tools");
    fs::create_dir_all(&tools).unwrap();
    for environment in ["venv", "venv-ministack"] {
        let installed = checkout().join("template/.tools").join(environment);
        symlink(installed, tools.join(environment)).unwrap();
    }
    let setup = project.succeeds(&["setup-deploy"]);
    says(&setup, &["✓ aws-sam-cli", "✓ aws-sam-translator"]);
    assert!(!setup.output.contains("installing"), "{}", setup.output);

    // It would be downloaded.
    project.set("ATLAS_LAMBDA", Tools::find().unwrap().atlas.display());
    // How the functions are optimized does not matter here, and takes minutes.
    project.set("CARGO_PROFILE_RELEASE_OPT_LEVEL", 0);
    project.set("CARGO_PROFILE_RELEASE_LTO", "off");
    project.set("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", 16);
    project
}

/// Runs the rehearsal, and checks that it leaves nothing but its logs.
fn rehearse(project: &Shared) -> Outcome {
    let before = project.git(&["status", "--porcelain"]);
    let (migrations, template) = (project.snapshot(), project.read("template.yaml").unwrap());
    let outcome = project.just(&["rehearse-deploy", "--all"]);
    assert_eq!(project.git(&["status", "--porcelain"]), before);
    assert_eq!(project.snapshot(), migrations);
    assert_eq!(project.read("template.yaml").unwrap(), template);
    let mut left: Vec<_> = fs::read_dir(project.root.join("target/rehearsal"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, LOGS);
    outcome
}

#[test]
fn every_step_has_the_expected_outcome() {
    let outcome = rehearse(&ready()).succeeded().unwrap();
    // In this order.
    let steps = [
        "✓ 1 create",
        "CountUsersFunction answers",
        "✓ 2 no change",
        "✓ 3 a new migration",
        "✓ 4 ForceUpdate",
        "✓ 5 a migration fails",
        "CloudFormation says: migration",
        "✓ 6 the same, repaired",
        "✓ 7 one without a transaction fails half-way",
        "is partially applied: 1 of its 2 statements",
        "✓ 8 the same, repaired, continues",
        "✓ 9 delete",
        "What this did not show",
        "✓ all steps",
    ];
    let mut rest = outcome.output.as_str();
    for step in steps {
        let (_, after) = rest
            .split_once(step)
            .unwrap_or_else(|| panic!("{step:?} is not in its place in:\n{}", outcome.output));
        rest = after;
    }
    assert!(!outcome.output.contains('✗'), "{}", outcome.output);
    says(&outcome, &["3 migrations and a part of the last, 4 tables"]);
}

/// Also with all processors busy.
#[test]
#[ignore = "soak: twenty rehearsals"]
fn soak_no_rehearsal_fails_falsely() {
    let project = ready();
    for number in 0..20 {
        let busy: Vec<_> = (0..4 * (number % 2))
            .map(|_| {
                Command::new("sh")
                    .args(["-c", "while :; do :; done"])
                    .spawn()
                    .unwrap()
            })
            .collect();
        let outcome = rehearse(&project);
        for mut process in busy {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        println!("rehearsal {number}: {}", outcome.output);
        outcome.succeeded().unwrap();
    }
}

#[test]
fn a_failed_step_is_explained() {
    let project = ready();
    let [migration] = &project.migrations().unwrap()[..] else {
        panic!("not one migration");
    };
    let file = format!("migrations/{migration}");
    let sql = project.read(&file).unwrap() + "SELECT 1 / 0;\n";
    project.write(&file, &sql).unwrap();
    project.succeeds(&["hash-migrations"]);
    let outcome = rehearse(&project);
    assert!(!outcome.success, "{}", outcome.output);
    let words = [
        "✗ 1 create",
        "no migrations, 0 tables",
        "the stack is ROLLBACK_COMPLETE, expected CREATE_COMPLETE",
        "Migrations (AWS::CloudFormation::Stack): migration",
        "division by zero",
        "last lines of the functions' log",
        "\"message\":\"FAILED: migration",
        "step 1 (create: all migrations are applied) had another outcome than expected",
        "target/rehearsal/",
    ];
    says(&outcome, &words);
    assert!(
        !outcome.output.contains(" 2 no change"),
        "{}",
        outcome.output
    );
}
