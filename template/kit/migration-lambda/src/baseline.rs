//! Checks a baseline against what is in the database. Believed without a check, a wrong one marks
//! migrations as applied that are not, and breaks every later one.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use catalog::Snapshot;
use serde::Deserialize;

use crate::database::Database;

/// Kinds of objects that operators change, and no later migration depends on.
const NOT_COMPARED: [&str; 3] = ["comment", "default privilege", "privilege"];
/// Number of differences to name.
const NAMED: usize = 8;

/// The file that `just package` writes.
#[derive(Deserialize)]
struct Snapshots {
    /// Major version of the server that printed the definitions.
    major: u32,
    /// The objects that each version changes.
    versions: Vec<(String, Vec<Change>)>,
}

/// Kind, name, and definition, which is missing if the object is dropped.
type Change = (String, String, Option<String>);

/// Checks that the database has everything that it must have at the version. It may have more.
///
/// # Errors
/// When it has not; names what is missing or different.
pub async fn check(database: &Database, file: &Path, version: &str) -> Result<()> {
    let snapshots = match fs::read(file) {
        Ok(json) => serde_json::from_slice::<Snapshots>(&json).context("snapshots.json")?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            tracing::warn!("the package has no snapshots: BaselineVersion is not checked");
            return Ok(());
        }
        Err(error) => return Err(error).context("snapshots.json"),
    };
    let (major, rows) = database.snapshot().await?;
    if major != snapshots.major {
        tracing::warn!(
            "BaselineVersion is not checked: the server is PostgreSQL {major}, and the package \
             was made with {}",
            snapshots.major
        );
        return Ok(());
    }
    let mut wanted = BTreeMap::new();
    for (other, changes) in snapshots.versions {
        if *other > *version {
            break;
        }
        wanted.extend(changes.into_iter().map(|(kind, name, text)| ((kind, name), text)));
    }
    let wanted = wanted.into_iter().filter_map(|((kind, name), text)| Some([kind, name, text?]));
    let found = Snapshot::from_rows(rows.into_iter().filter(is_compared));
    let difference = found.difference(&Snapshot::from_rows(wanted.filter(is_compared)));
    // What the database has and the migrations do not make is not theirs.
    let lacks: Vec<String> = difference
        .changes
        .iter()
        .filter(|change| change.after.is_some())
        .map(ToString::to_string)
        .collect();
    match lacks.len() {
        0 => Ok(()),
        count => bail!(
            "BaselineVersion is {version}, but the database is not at that version: nothing is \
             applied. It lacks {count} objects, or has them differently: {}{}",
            lacks[..count.min(NAMED)].join("; "),
            if count > NAMED { "; ..." } else { "" }
        ),
    }
}

fn is_compared([kind, ..]: &[String; 3]) -> bool {
    !NOT_COMPARED.contains(&kind.as_str())
}
