use std::{fs, process::Command};

use rstest::rstest;
use schema::attributes::{COLUMN_KEYS, check};

/// Returns the error for an entity file with `lines` from line 6 on.
fn findings(lines: &str) -> String {
    let root = tempfile::tempdir().unwrap();
    let source = format!(
        "use sea_orm::entity::prelude::*;\n\n#[sea_orm::model]\n\
         #[derive(Clone, Debug, DeriveEntityModel)]\npub struct Model {{\n{lines}\n}}\n"
    );
    fs::write(root.path().join("user.rs"), source).unwrap();
    match check(root.path(), ".") {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[rstest]
#[case::similar("#[sea_orm(index)]", "did you mean \"indexed\"?")]
#[case::two_similar("#[sea_orm(default = 1)]", "did you mean \"default_value\"?")]
#[case::second_of_two("#[sea_orm(indexed, index)]", "did you mean \"indexed\"?")]
#[case::not_similar("#[sea_orm(pk)]", "a column may have: auto_increment, column_name,")]
#[case::of_a_relation("#[sea_orm(on_delete = \"Cascade\")]", "#[sea_orm(on_delete)] is not")]
#[case::comment("#[sea_orm(comment = \"x\")]", "COMMENT ON into crates/entity/sql/after.sql")]
#[case::renamed("#[sea_orm(renamed_from = \"x\")]", "--rename")]
fn reports_keys_without_effect(#[case] attribute: &str, #[case] advice: &str) {
    let found = findings(&format!("    pub id: i64,\n    {attribute}\n    pub name: String,"));
    assert!(found.starts_with("./user.rs:7: #[sea_orm("), "{found}");
    assert!(found.contains(advice), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn names_each_place() {
    let found =
        findings("    #[sea_orm(foo)]\n    pub a: i64,\n    #[sea_orm(bar)]\n    pub b: i64,");
    let places: Vec<_> = found.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(places, ["./user.rs:6:", "./user.rs:8:"]);
}

#[test]
fn reports_comments_on_tables() {
    let root = tempfile::tempdir().unwrap();
    let source = "#[derive(DeriveEntityModel)]\n#[sea_orm(table_name = \"a\", comment = \"x\")]\nstruct Model {}";
    fs::write(root.path().join("a.rs"), source).unwrap();
    let error = check(root.path(), ".").unwrap_err().to_string();
    assert!(error.starts_with("./a.rs:2: #[sea_orm(comment)] has no effect"), "{error}");
}

/// What only looks like a column with an unknown key.
#[rstest]
#[case::comments(
    "    // #[sea_orm(index)]\n    /* #[sea_orm(index)] */\n    /// #[sea_orm(index)]\n    pub a: i64,"
)]
#[case::string("    #[sea_orm(default_value = \"#[sea_orm(index)], index\")]\n    pub a: String,")]
#[case::raw_string(
    "    #[sea_orm(extra = r##\"CHECK (a <> '\"#[sea_orm(index)]')\"##)]\n    pub a: String,"
)]
#[case::relation(
    "    #[sea_orm(belongs_to, from = \"a\", to = \"id\")]\n    pub a: BelongsTo<super::a::Entity>,"
)]
#[case::lifetimes("    pub a: fn(&'static str, char) -> Map<'a', 'b'>,")]
#[case::other_derive("    #[serde(index)]\n    pub a: i64,")]
#[case::other_structs(
    "}\n#[derive(DerivePartialModel)]\nstruct Part {\n    #[sea_orm(from_col = \"a\")]\n    a: i64,"
)]
#[case::enums(
    "}\n#[derive(DeriveActiveEnum)]\nenum State {\n    #[sea_orm(string_value = \"on\")]\n    On,"
)]
#[case::arrow("    #[sea_orm(arrow_skip)]\n    pub a: i64,")]
fn accepts_everything_else(#[case] lines: &str) {
    assert_eq!(findings(lines), "");
}

/// Fails when a new version of SeaORM takes other keys.
#[test]
fn knows_the_keys_of_the_seaorm_in_use() {
    let metadata = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(kit_tests::project_root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let macros = packages.iter().find(|package| package["name"] == "sea-orm-macros").unwrap();
    let manifest = std::path::Path::new(macros["manifest_path"].as_str().unwrap());
    let source =
        fs::read_to_string(manifest.with_file_name("src/derives/entity_model.rs")).unwrap();
    let (_, columns) = source.split_once("for field in &fields.named").unwrap();
    let (columns, _) = columns.split_once("is_ident(\"seaography\")").unwrap();
    let mut keys: Vec<_> = columns
        .split("meta.path.is_ident(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys.join(", "), COLUMN_KEYS);
}
