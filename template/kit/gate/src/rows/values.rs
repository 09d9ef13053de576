//! Values for a column, as SQL, by its type.

use serde::Deserialize;

/// Stands for a value that no key has: a foreign key that was never declared may lead
/// nowhere.
pub(super) const OTHER: usize = 30_002;

/// A column, as `tables.sql` describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Column {
    pub number: i16,
    /// Quoted where SQL needs it.
    pub name: String,
    r#type: String,
    /// Name of the type, below domains and arrays.
    base: String,
    /// `pg_type.typtype` of it.
    kind: String,
    is_array: bool,
    /// `pg_attribute.atttypmod`
    modifier: i32,
    labels: Vec<String>,
    pub required: bool,
    /// Whether PostgreSQL provides the values.
    pub automatic: bool,
}

/// Values to try when a constraint refuses the plain ones.
const TEXTS: &str = "a@b.cc ab AB abc ABC 12 123 +491234567890 https://a.bc a-b 0 ";
const NUMBERS: &str = "0 2 10 50 100 1000 -1";
const DATES: &str = "1900-01-01 2999-01-01 2020-06-15";
/// For types of extensions, of which nothing is known.
const UNKNOWN: &[&str] = &["a", "1", "{}", "()", "a=>1", "POINT(0 0)", "[1,1,1]"];

impl Column {
    /// Returns the `n`th value (from 1), and others to try after it. `definitions` are those
    /// of the constraints on the column: their constants are likely to satisfy them.
    pub fn values(&self, n: usize, definitions: &[&str]) -> Vec<String> {
        let (numbers, strings) = constants(definitions);
        let near = numbers.iter().flat_map(|number| [*number, number + 1, number - 1]);
        let split = |texts: &str| texts.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let others: Vec<Vec<String>> = match &*self.base {
            "int2" | "int4" | "int8" | "money" | "oid" => {
                vec![near.map(|number| number.to_string()).collect(), split(NUMBERS)]
            }
            "numeric" | "float4" | "float8" => {
                vec![near.map(|number| number.to_string()).collect(), split(NUMBERS), split("0.5")]
            }
            "text" | "varchar" | "bpchar" | "citext" | "name" => {
                let lengths = near.filter(|length| (0..5000).contains(length));
                let lengths = lengths.map(|length| letter(n).repeat(length as usize));
                vec![strings, lengths.collect(), split(TEXTS)]
            }
            "date" | "timestamp" | "timestamptz" => vec![strings, split(DATES)],
            "bool" => vec![split("true false")],
            _ if self.kind == "e" => vec![self.labels.clone()],
            _ if self.is_known() => vec![strings],
            _ => vec![strings, UNKNOWN.iter().map(|text| (*text).to_owned()).collect()],
        };
        let others = others.iter().flatten().map(|text| quoted(text));
        let array = |value: String| if self.is_array { format!("ARRAY[{value}]") } else { value };
        let values = self.known(n).into_iter().chain(others);
        values.map(|value| format!("{}::{}", array(value), self.r#type)).collect()
    }

    /// Whether the type is not one that only an extension knows.
    pub fn is_known(&self) -> bool {
        self.known(1).is_some()
    }

    /// The `n`th value. The first of a text is a number too, the others are not, so that a
    /// cast which depends on the values shows.
    fn known(&self, n: usize) -> Option<String> {
        let (high, low) = (n / 256 % 256, n % 256);
        Some(quoted(&match &*self.base {
            "bool" => (n % 2 == 1).to_string(),
            "int2" | "int4" | "int8" | "oid" | "float4" | "float8" | "money" => n.to_string(),
            "numeric" => self.numeric(n),
            "uuid" => format!("00000000-0000-4000-8000-{n:012}"),
            "date" | "timestamp" | "timestamptz" => {
                format!("{}-{:02}-{:02}", 2001 + n / 336 % 9, 1 + n / 28 % 12, 1 + n % 28)
            }
            "time" | "timetz" => format!("{:02}:{:02}:{:02}", n / 3600 % 24, n / 60 % 60, n % 60),
            "text" | "varchar" | "bpchar" | "citext" | "name" | "char" => letter(n).to_owned(),
            "interval" => format!("{n} seconds"),
            "json" | "jsonb" => format!("{{\"n\": {n}}}"),
            "jsonpath" => "$".into(),
            "xml" => format!("<a>{n}</a>"),
            "bytea" => format!("\\x{n:08x}"),
            "inet" => format!("10.0.{high}.{low}"),
            "cidr" => format!("10.{high}.{low}.0/24"),
            "macaddr" => format!("02:00:00:00:{high:02x}:{low:02x}"),
            "macaddr8" => format!("02:00:00:00:00:00:{high:02x}:{low:02x}"),
            "bit" | "varbit" => {
                let width = usize::try_from(self.modifier).unwrap_or(1).clamp(1, 64);
                format!("{n:064b}")[64 - width..].to_owned()
            }
            "point" => format!("({n},{n})"),
            "line" => format!("{{1,1,{n}}}"),
            "lseg" | "box" | "path" | "polygon" => format!("(({n},{n}),({},{}))", n + 1, n + 1),
            "circle" => format!("<({n},{n}),1>"),
            "tsvector" | "tsquery" => format!("w{n}"),
            "int4range" | "int8range" | "numrange" => format!("[{},{})", 10 * n, 10 * n + 5),
            "daterange" | "tsrange" | "tstzrange" => {
                format!("[{0}-01-01,{0}-06-01)", 1900 + n % 900)
            }
            _ if self.kind == "e" && !self.labels.is_empty() => {
                self.labels[(n - 1) % self.labels.len()].clone()
            }
            _ if self.kind == "m" => "{}".into(),
            _ if self.kind == "c" => {
                let element = self.r#type.trim_end_matches("[]");
                return Some(format!("jsonb_populate_record(NULL::{element}, '{{}}')"));
            }
            _ => return None,
        }))
    }

    fn numeric(&self, n: usize) -> String {
        // The precision and the scale, plus 4: `numerictypmodin` in numeric.c.
        let Ok(modifier) = usize::try_from(self.modifier - 4) else { return n.to_string() };
        let (precision, scale) = (modifier >> 16, modifier & 0x7ff);
        match precision.saturating_sub(scale) {
            0 => format!("0.{:0>scale$}", n % 10),
            digits if digits < 5 => (n % 10_usize.pow(digits as u32)).to_string(),
            _ => n.to_string(),
        }
    }
}

/// A single character, which fits into every column: `1`, then letters.
fn letter(n: usize) -> &'static str {
    const LETTERS: &str = "1bcdefghijklmnopqrstuvwxyz";
    let at = if n == 1 { 0 } else { 1 + (n - 2) % 25 };
    &LETTERS[at..=at]
}

pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whole numbers and strings in definitions of constraints.
fn constants(definitions: &[&str]) -> (Vec<i64>, Vec<String>) {
    let (mut numbers, mut strings) = (Vec::new(), Vec::new());
    for definition in definitions {
        for token in atlas::sql::lexer::tokens(definition) {
            let text = token.text(definition);
            match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
                Some(inner) => {
                    numbers.extend(inner.parse::<i64>());
                    strings.push(inner.to_owned());
                }
                None => numbers.extend(text.parse::<i64>()),
            }
        }
    }
    numbers.dedup();
    strings.dedup();
    (numbers, strings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_constants_of_a_check() {
        let definition = "CHECK (((price > 5) AND (kind = ANY (ARRAY['a'::text, 'b c'::text]))))";
        assert_eq!(constants(&[definition]), (vec![5], vec!["a".into(), "b c".into()]));
    }

    #[test]
    fn the_first_letter_is_a_number() {
        assert_eq!([1, 2, 3, OTHER].map(letter), ["1", "b", "c", "b"]);
    }
}
