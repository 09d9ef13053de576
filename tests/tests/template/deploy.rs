//! `just deploy` without AWS: it reports what is wrong before it changes anything. `just
//! rehearse-deploy` plays the rest.

use crate::{rehearse::ready, shared::says};

/// Values for what samconfig.toml leaves blank.
const VALUES: [(&str, &str); 5] = [
    ("DatabaseHost", "db.example.com"),
    ("DatabaseUser", "migrations"),
    ("DatabaseResourceId", "db-ABCDEFGHIJKL"),
    ("SubnetIds", "subnet-12345678"),
    ("SecurityGroupIds", "sg-12345678"),
];

#[test]
fn reports_what_is_wrong_step_by_step() {
    let mut project = ready();
    // Not signed in, whatever this machine is configured for.
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_PROFILE", ""),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ] {
        project.set(name, value);
    }

    let unknown = project.just(&["deploy", "staging"]);
    assert!(!unknown.success);
    says(&unknown, &["no environment staging", "it has: dev, prod"]);

    let blank = project.just(&["deploy"]);
    assert!(!blank.success);
    says(&blank, &["nothing was deployed", "[dev.deploy.parameters]"]);
    for (name, _) in VALUES {
        says(&blank, &[name]);
    }
    let mut config = project.read("samconfig.toml").unwrap();
    for (name, value) in VALUES {
        config = config.replacen(&format!("{name}=\"\""), &format!("{name}=\"{value}\""), 1);
    }
    project.write("samconfig.toml", &config).unwrap();

    let template = project.read("template.yaml").unwrap();
    let hash = template.find("MigrationHash: h1:").unwrap() + "MigrationHash: ".len();
    let mut edited = template.clone();
    edited.replace_range(hash..hash + 2, "h2");
    project.write("template.yaml", &edited).unwrap();
    let by_hand = project.just(&["deploy"]);
    assert!(!by_hand.success);
    says(
        &by_hand,
        &[
            "✗ hash copy",
            "just hash-migrations",
            "nothing was deployed",
        ],
    );
    project.succeeds(&["hash-migrations"]);
    assert_eq!(project.read("template.yaml").unwrap(), template);

    let nobody = project.just(&["deploy"]);
    assert!(!nobody.success);
    says(
        &nobody,
        &["✓ hash copy", "not signed in to AWS", "aws sso login"],
    );
    assert!(
        !project.root.join("target/package").exists(),
        "it had packed"
    );
}
