//! The segment of System V shared memory that guards a server's data directory. A
//! killed server leaves it behind, and macOS has room for 32.

use std::{fs, path::Path, process::Command};

/// A segment: the key that PostgreSQL asked for, and the id that the kernel gave.
#[derive(Debug, PartialEq)]
pub(crate) struct Segment {
    key: u64,
    id: String,
}

impl Segment {
    /// The segment named in the seventh line of a data directory's lock file:
    /// <https://github.com/postgres/postgres/blob/REL_17_STABLE/src/include/utils/pidfile.h>
    pub(crate) fn of(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let (key, id) = text.lines().nth(6)?.trim().split_once(' ')?;
        Some(Self { key: key.parse().ok()?, id: id.trim().to_owned() })
    }

    /// Removes it, if it still exists. After a reboot, the same id may be another
    /// segment: the key must be the same, too.
    pub(crate) fn remove(&self) {
        let segments = process::output(Command::new("ipcs").arg("-m")).unwrap_or_default();
        let key = format!("0x{:08x}", self.key);
        let is_this = |line: &str| {
            let has = |wanted: &str| line.split_whitespace().any(|word| word == wanted);
            has(&key) && has(&self.id)
        };
        if segments.lines().any(is_this) {
            // A failure costs some bytes of kernel memory.
            let _ = process::output(Command::new("ipcrm").args(["-m", &self.id]));
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
