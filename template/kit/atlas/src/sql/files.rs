use std::fs;
use std::path::Path;

use crate::Error;

/// Returns the SQL files in a folder and the folders in it, in the order of their paths, each
/// with its text. `folder` and the paths are relative to `root`.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn files(root: &Path, folder: &str) -> Result<Vec<(String, String)>, Error> {
    let read_folder = || Error::io("read", folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder)).map_err(read_folder())? {
        let entry = entry.map_err(read_folder())?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(files(root, &path)?);
        } else if path.ends_with(".sql") {
            let text = fs::read_to_string(root.join(&path)).map_err(Error::io("read", &path))?;
            found.push((path, text));
        }
    }
    found.sort();
    Ok(found)
}
