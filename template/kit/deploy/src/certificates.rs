//! Certificates of the authorities that database servers are verified against: the file
//! kit/rds/rds-ca.pem, or the user's own.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html>

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use postgres::settings::setting;

/// Its heading names the regions.
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
    ensure!(
        read(&file)?.contains("-----BEGIN CERTIFICATE-----"),
        "{OVERRIDE} names a file without certificates in PEM format: {}",
        file.display()
    );
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
    let text = read(&root.join(FILE))?;
    let mut heading = text.lines().filter(|line| line.starts_with('#'));
    ensure!(
        heading.any(|line| line.split(' ').any(|word| word == region)),
        "{FILE} has no certificate for {region}, so the function could not verify a database \
         there. Download https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem \
         and name it in .env: {OVERRIDE}=/path/to/file.pem"
    );
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kit() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
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
        let own = named("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
        assert_eq!(own.unwrap(), root.path().join("own.pem"));
        let error = format!("{:#}", named("key").unwrap_err());
        assert!(error.contains("RDS_CA_BUNDLE names a file without"), "{error}");
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
