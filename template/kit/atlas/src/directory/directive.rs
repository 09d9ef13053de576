//! The comments by which a migration file talks to Atlas: `-- atlas:NAME VALUE`.
//!
//! Rules: `reDirective` and `LocalFile.Directive` in `sql/migrate/dir.go` of the
//! ariga/atlas repository. They differ in details between v0.13.1 and v1.2.3;
//! each function says which reading it takes.

/// The name and value of the directive on a line.
///
/// What stands before `atlas:` does not matter as long as it is printable ASCII,
/// and of several directives on one line the last counts. Follows v1.2.3; v0.13.1
/// ends the value at the first character that is not printable ASCII, so that the
/// two read `-- atlas:sum ignore` with a Windows line end differently.
pub(super) fn of_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    const MARK: &[u8] = b"atlas:";
    let printable = line
        .iter()
        .take_while(|byte| (b' '..=b'~').contains(*byte))
        .count();
    let name_starts = (MARK.len()..=printable)
        .rev()
        .find(|&at| line[..at].ends_with(MARK) && line.get(at).is_some_and(|&b| is_word(b)))?;
    let rest = &line[name_starts..];
    let name_ends = rest.iter().take_while(|&&byte| is_word(byte)).count();
    let (name, value) = rest.split_at(name_ends);
    let spaces = value.iter().take_while(|&&byte| byte == b' ').count();
    Some((name, if spaces == 0 { b"" } else { &value[spaces..] }))
}

/// The values of a file's own directives called `name`.
///
/// They stand in the comment lines that begin at the file's first byte, and only
/// count when an empty line parts them from the first statement. v1.2.3 lets that
/// line hold blanks; v0.13.1 does not, and neither takes one with a Windows line
/// end, so it must be truly empty here.
pub(super) fn of_file<'a>(contents: &'a [u8], name: &str) -> Vec<&'a [u8]> {
    let mut values = Vec::new();
    let mut rest = contents;
    while rest.starts_with(b"--") || rest.starts_with(b"#") {
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return Vec::new();
        };
        let line = rest[..end].trim_ascii();
        values.extend(of_line(line).filter(|(found, _)| *found == name.as_bytes()));
        rest = &rest[end + 1..];
    }
    if !rest.starts_with(b"\n") {
        return Vec::new();
    }
    values.into_iter().map(|(_, value)| value).collect()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
