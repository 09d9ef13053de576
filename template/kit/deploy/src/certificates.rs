//! Certificates of the authorities that database servers are verified against: the file
//! kit/rds/rds-ca.pem, or the user's own.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html>

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use postgres::settings::setting;
use regex_lite::Regex;

const FILE: &str = "kit/rds/rds-ca.pem";

/// Setting that names the user's own PEM file.
const OVERRIDE: &str = "RDS_CA_BUNDLE";

/// Path of the certificates to pack.
///
/// # Errors
/// When `RDS_CA_BUNDLE` names a file without certificates.
pub(crate) fn file(root: &Path) -> Result<PathBuf> {
    let Some(named) = setting(root, OVERRIDE)? else {
        return Ok(root.join(FILE));
    };
    let file = root.join(named);
    names(&file).with_context(|| format!("{OVERRIDE} names no file of certificates"))?;
    Ok(file)
}

/// Checks that the kit's file has the certificates of a region, unless the user named
/// another file.
///
/// # Errors
/// When it has none: the function could not connect to a database there.
pub(crate) fn check_region(root: &Path, region: &str) -> Result<()> {
    if setting(root, OVERRIDE)?.is_some() {
        return Ok(());
    }
    let prefix = format!("Amazon RDS {region} ");
    ensure!(
        names(&root.join(FILE))?.iter().any(|name| name.starts_with(&prefix)),
        "{FILE} has no certificate for {region}, so the function could not verify a database \
         there. Download https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem \
         and name it in .env: {OVERRIDE}=/path/to/file.pem"
    );
    Ok(())
}

/// The names of the authorities in a file, empty for those that are not of Amazon RDS.
fn names(file: &Path) -> Result<Vec<String>> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = String::from_utf8_lossy(&text);
    let block =
        Regex::new("-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\\s]+)-----END CERTIFICATE-----")?;
    // X.509 keeps the name as plain text.
    let name = Regex::new("Amazon RDS [A-Za-z0-9 -]+ (G[0-9]|CA)")?;
    let mut names = Vec::new();
    for captures in block.captures_iter(&text) {
        let base64: String = captures[1].split_whitespace().collect();
        let der = STANDARD
            .decode(base64)
            .with_context(|| format!("{} has a damaged certificate", file.display()))?;
        let found = name.find(&String::from_utf8_lossy(&der)).map(|it| it.as_str().to_owned());
        names.push(found.unwrap_or_default());
    }
    ensure!(!names.is_empty(), "{} holds no certificate in PEM format", file.display());
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kit() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn pem(name: &str) -> String {
        let body = STANDARD.encode(format!("\u{1}{name}\u{2}"));
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn takes_the_file_that_the_user_names() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(file(root.path()).unwrap(), root.path().join(FILE));
        let named = |contents: &str| {
            fs::write(root.path().join(".env"), "RDS_CA_BUNDLE=own.pem\n").unwrap();
            fs::write(root.path().join("own.pem"), contents).unwrap();
            check_region(root.path(), "mars-1").unwrap();
            file(root.path())
        };
        assert_eq!(named(&pem("a")).unwrap(), root.path().join("own.pem"));
        let error = format!("{:#}", named("key").unwrap_err());
        assert!(error.contains("RDS_CA_BUNDLE names no file"), "{error}");
    }

    #[test]
    fn knows_the_regions_of_the_kit() {
        check_region(&kit(), "eu-central-1").unwrap();
        let error = check_region(&kit(), "mars-1").unwrap_err().to_string();
        for words in ["no certificate for mars-1", "mars-1-bundle.pem", "RDS_CA_BUNDLE="] {
            assert!(error.contains(words), "{error}");
        }
    }
}
