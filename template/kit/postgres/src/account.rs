//! The user that runs a local server: PostgreSQL refuses to run as root.

use std::process::Command;

use anyhow::{Context as _, Result};

/// A user and its group.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// None for a process that is not root: it needs no other user.
    pub(crate) fn unprivileged() -> Result<Option<Self>> {
        if id(&["-u"]) != Some(0) {
            return Ok(None);
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| {
                let (uid, gid) = (id(&["-u", name])?, id(&["-g", name])?);
                (uid != 0).then_some(Self { uid, gid })
            })
            .map(Some)
            .context("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it")
    }
}

/// `id` knows every source of users, /etc/passwd being only one.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
