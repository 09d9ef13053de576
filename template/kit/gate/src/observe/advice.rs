//! The safe way to do what a statement does, as SQL.

use squawk_syntax::ast::{
    self, AlterColumnOption, AlterTableAction, AstNode as _, Constraint, Stmt,
};

use crate::source::{Statement, quoted, text};

/// Parts that begin with a line of three dashes and names; `{...}` stands for a value.
const TEMPLATES: &str = include_str!("advice.sql");
const LATER: &str = "\n-- in a later file:\n";

/// Returns the template `name` with its values filled in, or an empty text if it is missing. Values
/// that hold SQL come last: their braces are not placeholders.
pub(super) fn fill(name: &str, values: &[(&str, &str)]) -> String {
    let mut parts = TEMPLATES.split("--- ").filter_map(|part| part.split_once('\n'));
    let part = parts.find(|(head, _)| head.split(' ').any(|word| word == name));
    let text = part.map_or("", |(_, text)| text).trim_end().to_owned();
    values.iter().fold(text, |text, (key, value)| text.replace(&format!("{{{key}}}"), value))
}

/// Safe steps for a statement that breaks a rule; empty where there is nothing to write.
pub(super) fn steps(rule: &str, statement: &Statement) -> String {
    let sql = statement.sql.trim_end_matches(';');
    let plain = |name: &str| fill(name, &[("rule", rule), ("sql", sql)]);
    let general = plain(rule);
    if !general.is_empty() {
        return general;
    }
    let steps = match statement.parse() {
        None => return String::new(),
        Some(Stmt::AlterTable(alter)) => {
            let Some(table) = alter.table_relation_name().map(|table| text(&table)) else {
                return String::new();
            };
            let bare = table.rsplit('.').next().unwrap_or(&table).trim_matches('"');
            let table = Table { name: &table, bare };
            let steps = alter.actions().filter_map(|action| table.alter(rule, &action, sql));
            steps.collect::<Vec<_>>().join("\n")
        }
        Some(Stmt::CreateIndex(index)) => {
            let after = index.index_token().map(|token| usize::from(token.text_range().end()));
            let (head, tail) = sql.split_at(after.unwrap_or_default());
            fill("concurrently", &[("sql", &format!("{head} CONCURRENTLY{tail}"))])
        }
        Some(Stmt::Reindex(_)) => {
            let words: Vec<_> = sql.split_whitespace().collect();
            let (head, tail) = words.split_at(words.len().min(2));
            fill("concurrently", &[("sql", &[head, &["CONCURRENTLY"], tail].concat().join(" "))])
        }
        Some(Stmt::Refresh(refresh)) => {
            let view = refresh.view_ref().map(|view| text(&view)).unwrap_or_default();
            fill("refresh", &[("view", &view)])
        }
        Some(Stmt::Vacuum(_) | Stmt::Cluster(_)) => plain("repack"),
        Some(Stmt::Update(update)) if rule == "update-all-rows" => {
            let table = update.relation_name().map(|table| text(&table)).unwrap_or_default();
            let set = update.set_clause().map(|set| text(&set)).unwrap_or_default();
            fill("batches", &[("table", &table), ("open", "/* not done yet */"), ("set", &set)])
        }
        Some(Stmt::CreateTable(_)) => plain("default-partition"),
        Some(Stmt::Do(_) | Stmt::Call(_) | Stmt::Select(_)) => plain("block"),
        Some(_) => plain("later"),
    };
    match steps.is_empty() && rule.starts_with("blocking-") {
        true => plain("no-way"),
        false => steps,
    }
}

/// The table of an ALTER TABLE.
struct Table<'a> {
    name: &'a str,
    /// Without schema and quotes.
    bare: &'a str,
}

impl Table<'_> {
    fn alter(&self, rule: &str, action: &AlterTableAction, sql: &str) -> Option<String> {
        match action {
            AlterTableAction::AddConstraint(add) => self.constraint(&add.constraint()?, None),
            AlterTableAction::AlterColumn(alter) => {
                let column = text(&alter.column_name_ref()?);
                match alter.option()? {
                    AlterColumnOption::SetNotNull(_) => Some(self.not_null(&column)),
                    AlterColumnOption::SetType(set) => {
                        let new = set.ty().map(|ty| text(&ty)).unwrap_or_default();
                        let name = quoted(&format!("{}_new", column.trim_matches('"')));
                        let names = [("table", self.name), ("name", &name), ("column", &column)];
                        Some(fill("new-type", &[&names[..], &[("type", &new)]].concat()))
                    }
                    _ => None,
                }
            }
            AlterTableAction::AddColumn(add) => self.add_column(rule, add),
            AlterTableAction::ValidateConstraint(_) => Some(fill("later", &[("sql", sql)])),
            AlterTableAction::AttachPartition(attach) => {
                let partition = text(&attach.table_name_ref()?);
                Some(fill("attach-partition", &[("partition", &partition), ("sql", sql)]))
            }
            _ => None,
        }
    }

    /// `None` for a column that does not break the rule.
    fn add_column(&self, rule: &str, add: &ast::AddColumn) -> Option<String> {
        let Self { name: table, bare } = self;
        let column = text(&add.column_name()?);
        let mut ty = text(&add.ty()?);
        let (mut default, mut required, mut generated) = (None, false, false);
        let mut later = Vec::new();
        for constraint in add.constraints() {
            match &constraint {
                Constraint::DefaultConstraint(given) => default = Some(text(&given.expr()?)),
                Constraint::NotNullConstraint(_) => required = true,
                Constraint::GeneratedConstraint(_) => generated = true,
                other => later.extend(self.constraint(other, Some(&column))),
            }
        }
        let mut steps = String::new();
        let serials = [("bigserial", "bigint"), ("smallserial", "smallint"), ("serial", "integer")];
        if let Some((_, integer)) = serials.iter().find(|(ser, _)| ty.eq_ignore_ascii_case(ser)) {
            let sequence = quoted(&format!("{bare}_{}_seq", column.trim_matches('"')));
            steps += &format!("CREATE SEQUENCE {sequence};\n");
            default = Some(format!("nextval('{sequence}')"));
            ty = (*integer).to_owned();
        } else if generated {
            steps += "-- a plain column, which the code or a trigger fills:\n";
        }
        let is_copied = default.is_some() || generated;
        let is_checked = !later.is_empty() || required && default.is_none();
        if !(if rule == "blocking-rewrite" { is_copied } else { is_checked }) {
            return None;
        }
        steps += &format!("ALTER TABLE {table} ADD COLUMN {column} {ty};");
        if let Some(default) = &default {
            steps += &format!("\nALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default};");
        }
        if is_copied || required {
            let set = format!("SET {column} = {}", default.as_deref().unwrap_or("/* a value */"));
            let open = format!("{column} IS NULL");
            steps += "\n";
            steps += &fill("batches", &[("table", table), ("open", &open), ("set", &set)]);
        }
        later.extend(required.then(|| self.not_null(&column)));
        later.iter().for_each(|more| steps += &format!("{LATER}{more}"));
        Some(steps)
    }

    /// Steps for a constraint of the table, or of a new `column`.
    fn constraint(&self, constraint: &Constraint, column: Option<&str>) -> Option<String> {
        let own = column.map(|column| format!("({column})"));
        let of_index = |index: Option<ast::IndexParameters>| Some(text(&index?.column_list()?));
        // The last is the end of the name that PostgreSQL chooses.
        let (columns, end) = match constraint {
            Constraint::ForeignKeyConstraint(it) => (Some(text(&it.from_columns()?)), "fkey"),
            Constraint::ReferencesConstraint(_) => (own, "fkey"),
            Constraint::CheckConstraint(_) => (own.or(Some(String::new())), "check"),
            Constraint::UniqueConstraint(it) => (of_index(it.index_parameters()).or(own), "key"),
            Constraint::PrimaryKeyConstraint(it) => {
                (of_index(it.index_parameters()).or(own), "pkey")
            }
            _ => return None,
        };
        let columns = columns?;
        let given = constraint.syntax().children().find_map(ast::ConstraintNameClause::cast);
        let is_named = given.is_some();
        let name = given.and_then(|clause| clause.constraint_name()).map(|name| text(&name));
        let name = name.unwrap_or_else(|| {
            let columns = columns.replace(['(', ')', '"', ' '], "").replace(',', "_");
            let columns = if end == "pkey" { "" } else { &*columns };
            let parts = [self.bare, columns, end].into_iter().filter(|part| !part.is_empty());
            quoted(&parts.collect::<Vec<_>>().join("_"))
        });
        let mut values = vec![("table", self.name), ("name", &*name)];
        if end.ends_with("key") && end != "fkey" {
            let kind = if end == "key" { "UNIQUE" } else { "PRIMARY KEY" };
            values.extend([("kind", kind), ("columns", &columns)]);
            return Some(fill("unique", &values));
        }
        let mut sql = text(constraint);
        if matches!(constraint, Constraint::ReferencesConstraint(_)) {
            sql = format!("FOREIGN KEY {columns} {sql}");
        }
        if !is_named {
            sql = format!("CONSTRAINT {name} {sql}");
        }
        values.push(("constraint", &sql));
        Some(fill("not-valid", &values))
    }

    fn not_null(&self, column: &str) -> String {
        let name = quoted(&format!("{}_{}_not_null", self.bare, column.trim_matches('"')));
        fill("not-null", &[("table", self.name), ("name", &name), ("column", column)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_used_and_every_one_used_exists() {
        let sources = [include_str!("advice.rs"), include_str!("failure.rs")].concat();
        let used = |call: &str| -> Vec<String> {
            let call = format!("{call}(\"");
            let calls = sources.split(&call).skip(1);
            calls.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        let used = [used("fill"), used("plain")].concat();
        assert!(used.len() > 15);
        for name in &used {
            assert_ne!(fill(name, &[]), "", "{name}");
        }
        let heads = TEMPLATES.split("--- ").skip(1).filter_map(|part| part.lines().next());
        for name in heads.flat_map(|head| head.split(' ')) {
            assert!(
                crate::rules::find(name).is_some() || used.iter().any(|it| it == name),
                "{name}"
            );
        }
    }
}
