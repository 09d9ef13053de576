//! What the commands know of the stack: `template.yaml` and `samconfig.toml`.

mod architecture;
mod packages;
mod samconfig;

pub(crate) use architecture::Architecture;
pub(crate) use migrations::{StackHash, TEMPLATE};
pub(crate) use packages::packages;
pub(crate) use samconfig::Environment;

/// The custom resource, its function and that one's log, as the template calls them.
pub(crate) const MIGRATIONS: &str = "Migrations";
pub(crate) const MIGRATION_FUNCTION: &str = "MigrationFunction";
pub(crate) const MIGRATION_LOG: &str = "MigrationLog";

/// Whether the project has a stack.
pub(crate) fn has_template(root: &std::path::Path) -> bool {
    root.join(TEMPLATE).exists()
}

/// The template, `None` where there is none.
fn template(root: &std::path::Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(root.join(TEMPLATE)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow::Error::from(error).context(format!("cannot read {TEMPLATE}"))),
    }
}
