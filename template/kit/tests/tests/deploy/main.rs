//! `setup` and `package`, with stand-ins for the programs that they call.

mod certificates;
mod task;

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use rstest::{fixture, rstest};
use tempfile::TempDir;

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

/// The hash of no migrations.
const EMPTY: &str = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/// Builds nothing, but leaves a file.
const CARGO_LAMBDA: &str = r#"
echo "$@" >>"$CALLS"
[ -z "$FAIL" ] || exit 101
while [ $# -gt 0 ]; do
    case "$1" in
        --lambda-dir) directory=$2 ;;
        --bin) mkdir -p "$directory/$2"; cp "$PROGRAM" "$directory/$2/bootstrap" ;;
    esac
    shift
done
"#;

/// Makes an environment with the programs that are looked for.
const UV: &str = r#"
echo "$@" >>"$CALLS"
case "$1 $2" in
    "venv --quiet")
        for directory; do :; done
        mkdir -p "$directory/bin" && touch "$directory/bin/python" ;;
    "pip install") [ -z "$FAIL" ] || { echo "no such package" >&2; exit 1; } ;;
esac
"#;

/// A project with a stack and no migrations, and a PATH of its own.
struct Sandbox {
    directory: TempDir,
}

#[fixture]
fn sandbox() -> Sandbox {
    let directory = TempDir::new().unwrap();
    let sandbox = Sandbox { directory };
    fs::create_dir_all(sandbox.at("bin")).unwrap();
    fs::create_dir_all(sandbox.root().join("migrations")).unwrap();
    let template = format!(
        "Resources:\n  Migrations:\n    Properties:\n      MigrationHash: {EMPTY}\n  Function:\n      \
         CodeUri: target/package/count-users/\n"
    );
    for (name, text) in [
        ("Cargo.lock", ""),
        ("tools.toml", include_str!("../../../../tools.toml")),
        (
            "Cargo.toml",
            "[workspace.metadata.migrations]\nfile-name = 'sql'\nbase-branch = 'main'\n",
        ),
        (".env.example", "POSTGRES_MAJOR=17\n"),
        (
            "samconfig.toml",
            "[dev.deploy.parameters]\nstack_name = \"app\"\nregion = \"eu-central-1\"\n\
             parameter_overrides = [\"Architecture=arm64\"]\n",
        ),
        ("template.yaml", &template),
        ("ca.pem", CERTIFICATE),
        ("tools.toml", include_str!("../../../../tools.toml")),
    ] {
        fs::write(sandbox.root().join(name), text).unwrap();
    }
    fs::write(sandbox.at("program"), "").unwrap();
    for name in ["sh", "mkdir", "cp", "touch", "git"] {
        symlink(which(name), sandbox.at("bin").join(name)).unwrap();
    }
    sandbox.install("atlas", "echo 'atlas community version v1.2.3'");
    sandbox
}

fn which(name: &str) -> PathBuf {
    env::split_paths(&env::var_os("PATH").unwrap())
        .map(|directory| directory.join(name))
        .find(|program| program.exists())
        .unwrap()
}

/// A shell writes it: a file that this process holds open for writing could not be run while
/// another test forks.
fn write_script(file: &Path, script: &str) {
    let written = Command::new("sh")
        .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$2\" && chmod +x \"$2\"", "sh"])
        .arg(script)
        .arg(file)
        .status();
    assert!(written.unwrap().success());
}

impl Sandbox {
    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn root(&self) -> PathBuf {
        self.at("project")
    }

    fn package(&self, file: &str) -> PathBuf {
        self.root().join("target/package").join(file)
    }

    /// Puts a shell script on PATH.
    fn install(&self, name: &str, script: &str) {
        write_script(&self.at("bin").join(name), script);
    }

    /// Installs a shell script as `just setup-deploy` installs a tool.
    fn install_tool(&self, name: &str, script: &str) {
        let directory = self.root().join(".tools/venv");
        fs::create_dir_all(directory.join("bin")).unwrap();
        fs::write(directory.join("bin/python"), "").unwrap();
        let tools = include_str!("../../../../tools.toml");
        let (_, pins) = tools.split_once("[python.venv]\n").unwrap();
        let pins = pins.lines().take_while(|line| !line.is_empty());
        let pins = pins.filter(|line| !line.starts_with('#'));
        let pins: String =
            pins.map(|line| line.replace(" = ", "==").replace('"', "") + "\n").collect();
        fs::write(directory.join("installed.txt"), pins).unwrap();
        write_script(&directory.join("bin").join(name), script);
    }

    fn deploy(&self, arguments: &[&str]) -> Command {
        self.command("deploy", arguments)
    }

    fn xtask(&self, arguments: &[&str]) -> Command {
        self.command("xtask", arguments)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(kit_tests::program(program));
        command
            .args(arguments)
            .current_dir(self.root())
            .env_clear()
            .env("PATH", self.at("bin"))
            .env("CALLS", self.at("calls"))
            .env("PROGRAM", self.at("program"))
            .env("ATLAS_LAMBDA", self.at("program"))
            .env("RDS_CA_BUNDLE", "ca.pem");
        command
    }

    /// What the stand-ins were called with since the last time.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.at("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.at("calls"));
        calls.lines().map(str::to_owned).collect()
    }

    /// The names in target/, but for those that are there to stay.
    fn left_over(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root().join("target")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["package", "tools", "xtask"].contains(&name.as_str()))
            .collect()
    }
}

/// Both outputs, of a program that must succeed, or must not.
#[track_caller]
fn output(command: &mut Command, succeeds: bool) -> String {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(output.status.success(), succeeds, "{text}");
    text
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "not found: {word}\n{text}");
    }
}

#[rstest]
fn packs_all_that_the_stack_names(sandbox: Sandbox) {
    sandbox.install_tool("cargo-lambda", CARGO_LAMBDA);
    let text = output(&mut sandbox.deploy(&["package"]), true);
    says(&text, &["target/package/count-users: arm64", "0 migrations"]);
    for (file, mode) in [
        ("function/bootstrap", 0o755),
        ("function/migrations", 0o755),
        ("function/rds-ca.pem", 0o644),
        ("count-users/bootstrap", 0o755),
        ("count-users/rds-ca.pem", 0o644),
        ("atlas-layer/bin/atlas", 0o755),
    ] {
        let metadata = fs::metadata(sandbox.package(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{file}");
    }
    assert_eq!(sandbox.left_over(), [""; 0]);
    let calls = sandbox.calls();
    assert_eq!(calls.len(), 1);
    says(
        &calls[0],
        &[
            "--locked --release --target aarch64-unknown-linux-gnu.2.34",
            "--package migration-lambda --bin migration-lambda",
            "--package count-users --bin count-users",
        ],
    );
}

#[rstest]
fn packs_the_certificates_of_the_kit(sandbox: Sandbox) {
    sandbox.install_tool("cargo-lambda", CARGO_LAMBDA);
    let kept = sandbox.root().join("kit/rds/rds-ca.pem");
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(&kept, CERTIFICATE.repeat(2)).unwrap();
    let mut command = sandbox.deploy(&["package"]);
    output(command.env_remove("RDS_CA_BUNDLE"), true);
    let packed = fs::read_to_string(sandbox.package("function/rds-ca.pem")).unwrap();
    assert_eq!(packed, CERTIFICATE.repeat(2));
}

#[rstest]
fn says_when_the_certificates_of_aws_cannot_be_reached(sandbox: Sandbox) {
    sandbox.install("curl", "echo 'Could not resolve host' >&2; exit 6");
    let text = output(&mut sandbox.deploy(&["verify-certificates"]), false);
    says(&text, &["cannot compare with the certificates of AWS", "Could not resolve host"]);
}

#[rstest]
fn compares_the_certificates_with_those_of_aws(sandbox: Sandbox) {
    let kept = sandbox.root().join("kit/rds/rds-ca.pem");
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(&kept, include_str!("../../../rds/rds-ca.pem")).unwrap();
    sandbox.install("curl", "while IFS= read -r line; do echo \"$line\"; done <\"$SERVED\"");
    let mut command = sandbox.deploy(&["verify-certificates"]);
    let text = output(command.env("SERVED", &kept), true);
    says(&text, &["✓ kit/rds/rds-ca.pem has what AWS publishes: "]);
    let mut command = sandbox.deploy(&["verify-certificates"]);
    let text = output(command.env("SERVED", sandbox.root().join("ca.pem")), false);
    says(&text, &["AWS publishes 1 certificate that kit/rds/rds-ca.pem lacks", "RDS_CA_BUNDLE="]);
}

#[rstest]
fn the_option_beats_the_environment(sandbox: Sandbox) {
    sandbox.install_tool("cargo-lambda", CARGO_LAMBDA);
    let mut command = sandbox.deploy(&["build", "--architecture", "x86_64"]);
    output(&mut command, true);
    says(&sandbox.calls()[0], &["x86_64-unknown-linux-gnu.2.34"]);
    let text = output(&mut sandbox.deploy(&["build", "--environment", "prod"]), false);
    says(&text, &["no environment prod", "it has: dev"]);
}

#[rstest]
#[case::build_fails("FAIL", "1", &["functions were not built", "CodeUri: target/package/NAME/"])]
#[case::no_atlas("ATLAS_LAMBDA", "nowhere", &["ATLAS_LAMBDA names no file", "nowhere"])]
#[case::no_certificates("RDS_CA_BUNDLE", "Cargo.toml", &["RDS_CA_BUNDLE names a file without"])]
fn what_goes_wrong_leaves_the_old_package(
    sandbox: Sandbox,
    #[case] variable: &str,
    #[case] value: &str,
    #[case] words: &[&str],
) {
    sandbox.install_tool("cargo-lambda", CARGO_LAMBDA);
    output(&mut sandbox.deploy(&["package"]), true);
    fs::write(sandbox.package("mark"), "").unwrap();
    let value = match variable {
        "ATLAS_LAMBDA" => sandbox.at(value).into_os_string(),
        _ => value.into(),
    };
    let text = output(sandbox.deploy(&["package"]).env(variable, value), false);
    says(&text, words);
    assert!(sandbox.package("mark").exists());
    assert!(sandbox.package("function/bootstrap").exists());
    assert_eq!(sandbox.left_over(), [""; 0]);
}

#[rstest]
fn builds_nothing_for_a_hash_that_is_not_the_migrations(sandbox: Sandbox) {
    sandbox.install_tool("cargo-lambda", CARGO_LAMBDA);
    fs::write(sandbox.root().join("migrations/1_a.sql"), "SELECT 1;").unwrap();
    output(&mut sandbox.xtask(&["hash-migrations"]), true);
    let template = sandbox.root().join("template.yaml");
    let text = fs::read_to_string(&template).unwrap();
    assert!(!text.contains(EMPTY));
    fs::write(&template, text.replace("MigrationHash: h1:", "MigrationHash: h1:x")).unwrap();
    let text = output(&mut sandbox.deploy(&["package"]), false);
    says(&text, &["template.yaml has h1:x", "just hash-migrations"]);
    assert_eq!(sandbox.calls(), [""; 0]);
}

#[rstest]
fn packs_no_atlas_that_is_too_old_for_the_database(sandbox: Sandbox) {
    sandbox.install_tool("cargo-lambda", CARGO_LAMBDA);
    symlink(which("curl"), sandbox.at("bin/curl")).unwrap();
    let unreachable = || {
        let mut command = sandbox.deploy(&["package"]);
        command.env_remove("ATLAS_LAMBDA").env("ATLAS_RELEASE_SERVER", "http://127.0.0.1:1");
        command
    };
    let text = output(&mut unreachable(), false);
    says(
        &text,
        &["linux-arm64", "PostgreSQL 17", "SHA-256", "ATLAS_LAMBDA=", "ATLAS_RELEASE_SERVER"],
    );
    // With an older server Go could build one, but is not installed here.
    let text = output(unreachable().env("POSTGRES_MAJOR", "15"), false);
    says(&text, &["Install Go", "ATLAS_LAMBDA=/path/to/atlas"]);
    // A build of before does.
    let kept = sandbox.root().join(".tools/atlas-linux-arm64-v0.13.1");
    fs::copy(sandbox.at("program"), kept).unwrap();
    let text = output(unreachable().env("POSTGRES_MAJOR", "15"), true);
    says(&text, &["Atlas v0.13.1 for linux-arm64"]);
}

#[rstest]
fn refuses_an_atlas_that_is_not_the_pinned_release(sandbox: Sandbox) {
    sandbox.install_tool("cargo-lambda", CARGO_LAMBDA);
    symlink(which("curl"), sandbox.at("bin/curl")).unwrap();
    let served = sandbox.at("served");
    fs::create_dir(&served).unwrap();
    let file = sandbox.root().join("tools.toml");
    let pins = fs::read_to_string(&file).unwrap();
    fs::write(&file, pins.replace("linux-amd64", "linux-arm64")).unwrap();
    let (_, version) = pins.split_once("\nversion = \"").unwrap();
    let (version, _) = version.split_once('"').unwrap();
    let name = format!("atlas-community-linux-arm64-{version}");
    fs::write(served.join(name), "gotcha").unwrap();
    let mut command = sandbox.deploy(&["package"]);
    command
        .env_remove("ATLAS_LAMBDA")
        .env("ATLAS_RELEASE_SERVER", format!("file://{}", served.display()));
    let text = output(&mut command, false);
    says(&text, &["not the pinned release", "SHA-256"]);
    assert_eq!(files_in(&sandbox.root().join(".tools")), 1, "the tools for deployment");
}

fn files_in(directory: &Path) -> usize {
    fs::read_dir(directory).map_or(0, Iterator::count)
}

#[rstest]
fn says_how_to_get_the_tools(sandbox: Sandbox) {
    let text = output(&mut sandbox.deploy(&["package"]), false);
    says(&text, &["cargo-lambda is not installed: run `just setup-deploy`"]);
}

#[rstest]
fn installs_the_tools_once(sandbox: Sandbox) {
    sandbox.install("uv", UV);
    let text = output(&mut sandbox.deploy(&["setup"]), true);
    says(&text, &["installing aws-sam-cli", "✓ aws-sam-cli", "✓ aws-sam-translator"]);
    let calls = sandbox.calls().join("\n");
    says(&calls, &["aws-sam-cli==", "cargo-lambda==", "ziglang==", "cfn-lint==", "ministack=="]);
    let text = output(&mut sandbox.deploy(&["setup"]), true);
    assert!(!text.contains("installing"), "{text}");
    assert_eq!(sandbox.calls(), [""; 0]);
    // Without the option nobody has to have them.
    fs::remove_dir_all(sandbox.root().join(".tools")).unwrap();
    let text = output(&mut sandbox.xtask(&["setup"]), true);
    assert!(!text.contains("aws-sam-cli"), "{text}");
}

#[rstest]
fn leaves_no_half_of_the_tools(sandbox: Sandbox) {
    sandbox.install("uv", UV);
    let text = output(sandbox.deploy(&["setup"]).env("FAIL", "1"), false);
    says(&text, &["cannot be installed", "no such package", "PIP_INDEX_URL"]);
    assert_eq!(files_in(&sandbox.root().join(".tools")), 0);
}

#[rstest]
#[case::no_python(None, "No such file")]
#[case::no_venv(Some("echo 'ensurepip is not available' >&2; exit 1"), "ensurepip")]
fn says_what_installing_takes(
    sandbox: Sandbox,
    #[case] python: Option<&str>,
    #[case] reason: &str,
) {
    if let Some(python) = python {
        sandbox.install("python3", python);
    }
    let text = output(&mut sandbox.deploy(&["setup"]), false);
    says(&text, &["uv (https", "python3-venv", "just setup-deploy", reason]);
    assert_eq!(files_in(&sandbox.root().join(".tools")), 0);
}
