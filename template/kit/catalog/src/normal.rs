const ARRAY: &str = "(ARRAY[";
const ELEMENT: &str = "::character varying";

/// Rewrites what PostgreSQL prints of an expression in one of two ways, depending on whether
/// it read what a user wrote or what it printed itself: the list of an `IN` on a `varchar`
/// is cast as a whole first, `(ARRAY['a'::character varying])::text[]`, and element by element
/// later, `ARRAY[('a'::character varying)::text]`. The second is the normal form.
pub fn normal_form(definition: &str) -> String {
    let mut normal = String::new();
    let mut rest = definition;
    while let Some(start) = rest.find(ARRAY) {
        let (head, tail) = rest.split_at(start);
        normal += head;
        match elements(&tail[ARRAY.len()..]) {
            Some((elements, tail)) => {
                let cast: Vec<_> = elements.iter().map(|of| format!("({of})::text")).collect();
                normal += &format!("ARRAY[{}]", cast.join(", "));
                rest = tail;
            }
            None => {
                normal += ARRAY;
                rest = &tail[ARRAY.len()..];
            }
        }
    }
    normal + rest
}

/// Splits `'a'::character varying, ...])::text[] and so on`.
fn elements(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut elements = Vec::new();
    let mut rest = text;
    loop {
        // A quote in a string is doubled.
        let mut end = 1 + rest.strip_prefix('\'')?.find('\'')?;
        while rest[end + 1..].starts_with('\'') {
            end += 2 + rest[end + 2..].find('\'')?;
        }
        let tail = rest[end + 1..].strip_prefix(ELEMENT)?;
        elements.push(&rest[..end + 1 + ELEMENT.len()]);
        if let Some(tail) = tail.strip_prefix("])::text[]") {
            return Some((elements, tail));
        }
        rest = tail.strip_prefix(", ")?;
    }
}

#[cfg(test)]
mod tests {
    use super::normal_form;

    #[test]
    fn casts_each_element() {
        assert_eq!(
            normal_form(
                "a = ANY ((ARRAY['it''s'::character varying, '(ARRAY['::character varying])::text[]) AND b"
            ),
            "a = ANY (ARRAY[('it''s'::character varying)::text, ('(ARRAY['::character varying)::text]) AND b"
        );
        for other in
            ["(ARRAY[a])::text[]", "(ARRAY['a'::character varying", "(ARRAY['a'::text])::text[]"]
        {
            assert_eq!(normal_form(other), other);
        }
    }
}
