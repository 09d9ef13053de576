use std::path::Path;

use anyhow::Result;
use regex_lite::Regex;

/// The directories below `target/package` that functions of the stack are made of:
/// NAME for each `CodeUri: target/package/NAME/` in the template.
pub(crate) fn packages(root: &Path) -> Result<Vec<String>> {
    let line = Regex::new(
        r#"(?m)^[ -]+CodeUri: *["']?(?:\./)?target/package/([A-Za-z0-9_-]+)/?["']? *(?:#.*)?\r?$"#,
    )?;
    let template = super::template(root)?.unwrap_or_default();
    let mut names: Vec<String> = line
        .captures_iter(&template)
        .map(|captures| captures[1].to_owned())
        .collect();
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
        assert!(packages(root.path()).unwrap().is_empty());
        let template = "Resources:\n      CodeUri: target/package/function/\n      CodeUri: \"./target/package/count-users\" # x\r\n\
                        #     CodeUri: target/package/none/\n      ContentUri: target/package/atlas-layer/\n\
                        \x20     CodeUri: src/\n      CodeUri: target/package/function/\n";
        std::fs::write(root.path().join("template.yaml"), template).unwrap();
        assert_eq!(packages(root.path()).unwrap(), ["count-users", "function"]);
    }
}
