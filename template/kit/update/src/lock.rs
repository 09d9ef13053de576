use std::{collections::HashSet, fs, path::Path};

use anyhow::{Context as _, Result};
use toml::{Table, Value};

/// Updates Cargo.lock in `root` to the manifests there. Packages that were locked keep
/// their versions; new ones take those in `rendered`, the template's own Cargo.lock.
///
/// # Errors
/// When cargo cannot resolve the dependencies.
pub(crate) fn update(root: &Path, rendered: &str) -> Result<()> {
    let file = root.join("Cargo.lock");
    let Ok(lock) = fs::read_to_string(&file) else {
        return Ok(()); // The user does not commit it.
    };
    fs::write(&file, with_new_packages(&lock, rendered)?)?;
    let arguments = ["update", "--quiet", "--workspace"];
    process::output(process::cargo().current_dir(root).args(arguments)).map(drop)
}

fn with_new_packages(lock: &str, rendered: &str) -> Result<String> {
    let mut lock: Table = toml::from_str(lock).context("Cargo.lock is damaged")?;
    let rendered: Table = toml::from_str(rendered)?;
    let packages = |lock: &Table| {
        let packages = lock.get("package").and_then(Value::as_array);
        packages.cloned().unwrap_or_default()
    };
    let name = |package: &Value| Some(package.get("name")?.as_str()?.to_owned());
    let mut merged = packages(&lock);
    let known: HashSet<_> = merged.iter().map(name).collect();
    let new = packages(&rendered).into_iter();
    merged.extend(new.filter(|package| !known.contains(&name(package))));
    lock.insert("package".into(), merged.into());
    Ok(toml::to_string(&lock)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_packages_keep_their_versions() {
        let package = |name: &str, version: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
        };
        let lock =
            format!("version = 4\n\n{}{}", package("mine", "0.1.0"), package("hex", "0.4.2"));
        let rendered = package("hex", "0.4.3") + &package("url", "2.5.0");
        let merged = with_new_packages(&lock, &rendered).unwrap();
        assert_eq!(merged.trim(), (lock + &package("url", "2.5.0")).trim());
    }
}
