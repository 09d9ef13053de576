use std::{fs, path::Path};

use schema::sql_files;

fn write(root: &Path, file: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("SELECT '{file}';\n")).unwrap();
}

#[test]
fn reads_a_file_or_a_folder_in_order() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let paths = || -> Result<Vec<_>, _> {
        sql_files(root, "sql/after").map(|files| files.into_iter().map(|(path, _)| path).collect())
    };
    assert_eq!(paths().unwrap(), [""; 0]);
    write(root, "sql/after.sql");
    assert_eq!(paths().unwrap(), ["sql/after.sql"]);
    for file in ["sql/after/2_views.sql", "sql/after/1/functions.sql", "sql/after/notes.md"] {
        write(root, file);
    }
    let error = paths().unwrap_err().to_string();
    assert_eq!(error, "sql/after.sql and sql/after/ both exist: move the file there");
    fs::remove_file(root.join("sql/after.sql")).unwrap();
    assert_eq!(paths().unwrap(), ["sql/after/1/functions.sql", "sql/after/2_views.sql"]);
    let files = sql_files(root, "sql/after").unwrap();
    assert_eq!(files[1].1, "SELECT 'sql/after/2_views.sql';\n");
}
