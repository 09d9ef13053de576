//! Parses Atlas' directives in migration files: `-- atlas:NAME VALUE`.
//!
//! Rules: `reDirective` and `LocalFile.Directive` in `sql/migrate/dir.go` of the ariga/atlas
//! repository. v0.13.1 and v1.2.3 differ in details; each function says which it follows.

/// Returns the name and value of the directive on a line.
///
/// Any printable ASCII may precede `atlas:`. The last of several directives counts. Follows
/// v1.2.3; v0.13.1 ends the value at the first character that is not printable ASCII, so the
/// two read `-- atlas:sum ignore` with CRLF differently.
pub(super) fn of_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    const MARK: &[u8] = b"atlas:";
    let printable = line.iter().take_while(|byte| (b' '..=b'~').contains(*byte)).count();
    let name_starts = (MARK.len()..=printable)
        .rev()
        .find(|&at| line[..at].ends_with(MARK) && line.get(at).is_some_and(|&b| is_word(b)))?;
    let rest = &line[name_starts..];
    let name_ends = rest.iter().take_while(|&&byte| is_word(byte)).count();
    let (name, value) = rest.split_at(name_ends);
    let spaces = value.iter().take_while(|&&byte| byte == b' ').count();
    Some((name, if spaces == 0 { b"" } else { &value[spaces..] }))
}

/// Returns the values of the directives `name` that apply to the whole file.
///
/// They are in comment lines at the start of the file, separated from the first statement by
/// an empty line. v1.2.3 accepts blanks in that line, v0.13.1 does not, and neither accepts
/// CRLF; here it must be empty.
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
