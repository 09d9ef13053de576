use std::{collections::BTreeMap, fmt};

use crate::Object;

/// Changes from one snapshot to another. Displayed with a line for each, without a line
/// break at the end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Difference {
    pub changes: Vec<Change>,
}

/// A change of one object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    pub object: Object,
    /// The definition; `None` if the object is missing in the first snapshot.
    pub before: Option<String>,
    /// The definition; `None` if the object is missing in the second snapshot.
    pub after: Option<String>,
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn between(
        before: &BTreeMap<Object, String>,
        after: &BTreeMap<Object, String>,
    ) -> Self {
        let names = before.keys().chain(after.keys().filter(|object| !before.contains_key(object)));
        let mut changes: Vec<Change> = names
            .map(|object| Change {
                object: object.clone(),
                before: before.get(object).cloned(),
                after: after.get(object).cloned(),
            })
            .filter(|change| change.before != change.after)
            .collect();
        // What belongs to an object that comes or goes as a whole needs no line of its own.
        let whole: Vec<String> = changes
            .iter()
            .filter(|change| change.is_whole() && CONTAINERS.contains(&&*change.object.kind))
            .map(|change| change.object.name.clone())
            .collect();
        changes.retain(|change| {
            !change.is_whole() || !whole.iter().any(|container| change.object.belongs_to(container))
        });
        changes.sort_by(|a, b| a.object.cmp(&b.object));
        Self { changes }
    }
}

/// Kinds of objects whose parts are objects too.
const CONTAINERS: [&str; 2] = ["table", "foreign table"];

impl Object {
    /// Whether this is a column, constraint, trigger, rule or policy of the table.
    fn belongs_to(&self, table: &str) -> bool {
        let rest = match self.kind.as_str() {
            "column" => self.name.strip_prefix(table).and_then(|rest| rest.strip_prefix('.')),
            "constraint" | "trigger" | "rule" | "policy" => {
                self.name.strip_suffix(table).and_then(|rest| rest.strip_suffix(" on "))
            }
            _ => None,
        };
        rest.is_some()
    }
}

impl Change {
    /// Whether the object exists in one snapshot alone.
    fn is_whole(&self) -> bool {
        self.before.is_none() || self.after.is_none()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Object { kind, name } = &self.object;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                let (before, after) = distinct_parts(before, after);
                write!(f, "~ {kind} {name}: {before} -> {after}")
            }
            (None, Some(_)) => write!(f, "+ {kind} {name}"),
            (_, None) => write!(f, "- {kind} {name}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, change) in self.changes.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{change}")?;
        }
        Ok(())
    }
}

/// Length up to which a definition is shown as a whole, and of each part otherwise, in bytes.
const SHOWN: usize = 100;

/// The words in which two definitions differ, on one line.
fn distinct_parts(before: &str, after: &str) -> (String, String) {
    let (before, after): (Vec<_>, Vec<_>) =
        (before.split_whitespace().collect(), after.split_whitespace().collect());
    let shortest = before.len().min(after.len());
    let (mut head, mut tail) = (0, 0);
    if before.join(" ").len().max(after.join(" ").len()) > SHOWN {
        while head < shortest && before[head] == after[head] {
            head += 1;
        }
        while tail < shortest - head
            && before[before.len() - 1 - tail] == after[after.len() - 1 - tail]
        {
            tail += 1;
        }
        // A word or two around it say what it is.
        head = head.saturating_sub(2);
        tail = tail.saturating_sub(2);
    }
    let shown = |words: &[&str]| {
        let text = words[head..words.len() - tail].join(" ");
        let end = text.floor_char_boundary(SHOWN);
        let cut = tail > 0 || end < text.len();
        let parts = [if head > 0 { "..." } else { "" }, &text[..end], if cut { "..." } else { "" }];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { "(nothing)".to_owned() } else { parts.join(" ") }
    };
    (shown(&before), shown(&after))
}

#[cfg(test)]
mod tests {
    use crate::Snapshot;

    fn snapshot(rows: &[[&str; 3]]) -> Snapshot {
        Snapshot::from_rows(rows.iter().map(|row| row.map(str::to_owned)))
    }

    #[test]
    fn shows_a_line_for_each_change() {
        let before =
            snapshot(&[["column", "public.t.a", "integer"], ["view", "public.v", "SELECT 1"]]);
        let after = snapshot(&[
            ["column", "public.t.a", "bigint NOT NULL"],
            ["index", "public.i", "CREATE INDEX i ON public.t (a)"],
        ]);
        assert_eq!(
            before.difference(&after).to_string(),
            "~ column public.t.a: integer -> bigint NOT NULL\n+ index public.i\n- view public.v"
        );
        assert!(before.difference(&before.clone()).is_empty());
    }

    #[test]
    fn a_table_stands_for_its_parts() {
        let after = snapshot(&[
            ["table", "public.t", ""],
            ["column", "public.t.a", "integer"],
            ["column", "public.t2.a", "integer"],
            ["constraint", "t_pkey on public.t", "PRIMARY KEY (a)"],
        ]);
        let difference = snapshot(&[]).difference(&after).to_string();
        assert_eq!(difference, "+ column public.t2.a\n+ table public.t");
    }

    #[test]
    fn long_definitions_begin_where_they_differ() {
        let body = |end: &str| format!("CREATE FUNCTION f()\n{}{end}", "same ".repeat(40));
        let (before, after) = (body("old and much more"), body("new"));
        let before = snapshot(&[["function", "f()", &before]]);
        let after = snapshot(&[["function", "f()", &after]]);
        assert_eq!(
            before.difference(&after).to_string(),
            "~ function f(): ... same same old and much more -> ... same same new"
        );
    }
}
