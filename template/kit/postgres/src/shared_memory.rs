//! The segment of System V shared memory by which a server guards its data
//! directory. A server that is killed leaves it behind, and macOS has room for 32.

use std::{fs, path::Path, process::Command};

/// A segment, by the key that PostgreSQL asked for and the id that the kernel gave.
#[derive(Debug, PartialEq)]
pub(crate) struct Segment {
    key: u64,
    id: String,
}

impl Segment {
    /// The segment that the lock file of a data directory names, in its seventh line:
    /// <https://github.com/postgres/postgres/blob/REL_17_STABLE/src/include/utils/pidfile.h>
    pub(crate) fn of(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let (key, id) = text.lines().nth(6)?.trim().split_once(' ')?;
        Some(Self {
            key: key.parse().ok()?,
            id: id.trim().to_owned(),
        })
    }

    /// Removes it, if it is still there. After a reboot, the same id is another
    /// segment: the key must be the same, too.
    pub(crate) fn remove(&self) {
        let Ok(output) = Command::new("ipcs").arg("-m").output() else {
            return;
        };
        let key = format!("0x{:08x}", self.key);
        let is_this = |line: &str| {
            let has = |wanted: &str| line.split_whitespace().any(|word| word == wanted);
            has(&key) && has(&self.id)
        };
        if String::from_utf8_lossy(&output.stdout).lines().any(is_this) {
            // A failure costs a few bytes of the kernel's.
            let _ = Command::new("ipcrm").args(["-m", &self.id]).output();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lock_file() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(Segment::of(data.path()), None);
        let text = "713\n/data\n1700000000\n41801\n\n127.0.0.1\n    28467     32816\nready\n";
        fs::write(data.path().join("postmaster.pid"), text).unwrap();
        let segment = Segment::of(data.path()).unwrap();
        assert_eq!((segment.key, segment.id.as_str()), (28467, "32816"));
    }
}
