//! Names in the stack's templates, template.yaml and the nested kit/deploy/migrations.yaml.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use regex_lite::Regex;

/// The user's part of the stack.
pub(crate) const TEMPLATE: &str = "template.yaml";

/// The nested stack in [`TEMPLATE`].
pub(crate) const MIGRATIONS: &str = "Migrations";

/// Resources of the nested stack: what applies the migrations, its function, the
/// function's log group.
pub(crate) const APPLIED_MIGRATIONS: &str = "AppliedMigrations";
pub(crate) const MIGRATION_FUNCTION: &str = "MigrationFunction";
pub(crate) const MIGRATION_LOG: &str = "MigrationLog";

/// The packages of the user's functions: NAME for each `CodeUri: target/package/NAME/` in
/// template.yaml.
///
/// # Errors
/// When there is no template.yaml.
pub(crate) fn packages(root: &Path) -> Result<Vec<String>> {
    let line = Regex::new(
        r#"(?m)^[ -]+CodeUri: *["']?(?:\./)?target/package/([A-Za-z0-9_-]+)/?["']? *(?:#.*)?\r?$"#,
    )?;
    let template = fs::read_to_string(root.join(TEMPLATE))
        .with_context(|| format!("cannot read {TEMPLATE}, which describes the stack"))?;
    let mut names: Vec<String> =
        line.captures_iter(&template).map(|captures| captures[1].to_owned()).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_packages_of_functions() {
        let root = tempfile::tempdir().unwrap();
        let error = packages(root.path()).unwrap_err().to_string();
        assert!(error.contains("cannot read template.yaml"), "{error}");
        let template = "Resources:\n      CodeUri: target/package/orders/\n      CodeUri: \"./target/package/count-users\" # x\r\n\
                        #     CodeUri: target/package/none/\n      ContentUri: target/package/atlas-layer/\n\
                        \x20     CodeUri: src/\n      CodeUri: target/package/orders/\n";
        std::fs::write(root.path().join("template.yaml"), template).unwrap();
        assert_eq!(packages(root.path()).unwrap(), ["count-users", "orders"]);
    }
}
