use catalog::Object;

use crate::{Class, Options, Step, changes::Changes, column, online, schema::Entry, types};

/// Steps that belong together, in order.
#[derive(Debug)]
pub(crate) struct Node {
    pub object: Object,
    pub verb: Verb,
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Verb {
    Drop,
    /// Creates or changes.
    Make,
}

/// Returns the statements of all changes, not sorted.
pub(crate) fn nodes(
    changes: &Changes<'_>,
    options: &Options,
    unplanned: &mut Vec<(Object, String)>,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut node = |object: &Object, verb, steps: Vec<Step>| {
        if !steps.is_empty() {
            nodes.push(Node { object: object.clone(), verb, steps });
        }
    };
    let mut replaced = Vec::new();
    for object in &changes.created {
        if changes.maker(object, changes.after) != Some(object)
            || changes.follows_parent(object, false)
        {
            continue;
        }
        let new = &changes.after.objects[object];
        if new.create.is_none() {
            unplanned.push((object.clone(), "write its CREATE statement by hand".to_owned()));
            continue;
        }
        let (steps, replaces) = create(changes, object, new, options);
        replaced.extend(replaces);
        node(object, Verb::Make, steps);
    }
    for object in &changes.changed {
        node(object, Verb::Make, change(changes, object, options));
    }
    for object in &changes.dropped {
        if changes.maker(object, changes.before) == Some(object)
            && !changes.follows_parent(object, true)
            && !replaced.contains(object)
        {
            node(object, Verb::Drop, vec![drop(changes, object, options)]);
        }
    }
    nodes
}

/// Steps, and the dropped object that they take the place of.
fn create(
    changes: &Changes<'_>,
    object: &Object,
    new: &Entry,
    options: &Options,
) -> (Vec<Step>, Option<Object>) {
    let table = new.text("table");
    let in_use = changes.is_in_use(table);
    let kind = &*object.kind;
    let plain = Step::new(new.create.clone().unwrap_or_default(), title("Create", object));
    let locks = changes.locks_table_in_use(object, changes.after);
    let plain = Step { locks, blocks: locks && is_copied_for(object), ..plain };
    let partitioned = changes.after.detail(&Object { kind: "table".into(), name: table.into() })["partitioned"]
        == true;
    match (kind, new.text("type")) {
        ("constraint", "p" | "u") if in_use && !partitioned => {
            let index = online::adoptable(changes, new);
            let name = index
                .map(|index| changes.before.detail(index)["name"].as_str().unwrap_or_default());
            if name.is_none() && !options.online {
                return (vec![plain], None);
            }
            (online::create_unique(object, new, name), index.cloned())
        }
        ("constraint", "f" | "c")
            if in_use
                && options.online
                && !(partitioned && new.detail["type"] == "f")
                && new.detail["validated"] == true =>
        {
            (online::create_validated(object, new), None)
        }
        ("index", _) if in_use && options.online && new.detail["partitioned"] == true => {
            (online::create_partitioned_index(changes, object, new), None)
        }
        ("index", _) if in_use && options.online => {
            let same = changes.dropped.contains(object) && !changes.in_the_way.contains(object);
            let old_stays = same && changes.before.detail(object)["table"] == new.detail["table"];
            if old_stays && changes.maker(object, changes.before) == Some(object) {
                return (online::change_index(object, new), Some(object.clone()));
            }
            (vec![online::create_index(object, new)], None)
        }
        ("not null", _) if in_use && options.online => {
            (column::not_null(new, "...", options), None)
        }
        ("identity", _) => {
            let fill = new.text("fill");
            let fill = Step::new(fill, "Continue after the ids that are there");
            (vec![plain, fill], None)
        }
        ("column", _) => (add_column(object, new, options), None),
        ("constraint", "x" | "p" | "u") if in_use => {
            let why = plain.why.clone()
                + ".\nThis builds an index, and nobody writes to the table meanwhile: there is no other way";
            (vec![Step { why, ..plain.blocks() }], None)
        }
        _ => (vec![plain], None),
    }
}

/// Adds a column to a table in use: with no value that has to be computed for each row.
fn add_column(object: &Object, new: &Entry, options: &Options) -> Vec<Step> {
    let text = |name: &str| new.text(name);
    let (table, name) = (text("table"), text("name"));
    let mut plain = Step::new(new.create.clone().unwrap_or_default(), title("Add", object)).locks();
    let computed = new.detail["volatile"] == true && !plain.sql.ends_with("serial");
    let not_null = new.detail["not_null"] == true;
    let filled = new.detail["default"].is_string() || new.detail["identity"].is_string();
    if text("generated").ends_with("STORED")
        || new.detail["identity"].is_string()
        || plain.sql.ends_with("serial")
    {
        plain.why += ".\nThis rewrites the table, and nobody reads or writes it meanwhile";
        plain = plain.blocks();
    }
    if !options.online || !(computed || not_null && !filled && text("generated").is_empty()) {
        return vec![plain];
    }
    let mut steps = vec![
        Step::new(
            format!("ALTER TABLE {table} ADD COLUMN {}", text("bare")),
            title("Add", object) + ", empty first",
        )
        .locks(),
    ];
    let default = new.detail["default"].as_str();
    if let Some(default) = default {
        let sql = format!("ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT {default}");
        let why = "For new rows. A default that differs by row would rewrite the table";
        steps.push(Step::new(sql, why).locks());
    }
    let value = default.unwrap_or("...");
    if not_null {
        let part =
            Entry { detail: serde_json::json!({ "table": table, "column": name }), ..new.clone() };
        steps.extend(column::not_null(&part, value, options));
    } else {
        steps.push(column::backfill(table, name, value));
    }
    steps
}

fn change(changes: &Changes<'_>, object: &Object, options: &Options) -> Vec<Step> {
    let (old, new) = (&changes.before.objects[object], &changes.after.objects[object]);
    match &*object.kind {
        "column" if new.detail["own"] == false => Vec::new(),
        "column" => column::change(old, new, options),
        "enum type" => types::change_enum(changes, object),
        "domain" => types::change_domain(changes, object),
        "composite type" => types::change_composite(changes, object),
        "constraint" => vec![online::validate(object, new)],
        _ if changes.follows_parent(object, false) => Vec::new(),
        _ => {
            let step = new.change.clone().map(|sql| Step::new(sql, title("Change", object)));
            let locks = changes.locks_table_in_use(object, changes.after);
            let blocks = locks && is_copied_for(object);
            step.map(|step| Step { locks, blocks, ..step }).into_iter().collect()
        }
    }
}

fn drop(changes: &Changes<'_>, object: &Object, options: &Options) -> Step {
    let old = &changes.before.objects[object];
    let locks = changes.locks_table_in_use(object, changes.before);
    // A materialized view is away until it is filled again.
    let blocks = locks && is_copied_for(object) || object.kind == "materialized view";
    let step = Step { locks, blocks, ..Step::new(old.drop.clone(), title("Drop", object)) };
    let name = &object.name;
    match &*object.kind {
        "table" | "foreign table" => step.locks().loses(format!("table {name} with all its rows")),
        "column" if old.detail["generated"] == "" => {
            step.loses(format!("column {name} with all its values"))
        }
        "sequence" if old.detail["serial"].is_null() => {
            step.loses(format!("the last value of sequence {name}"))
        }
        "index" if options.online && locks && old.detail["partitioned"] != true => {
            online::drop_index(object)
        }
        _ => step,
    }
}

/// Settings that PostgreSQL cannot change without a copy of all rows.
fn is_copied_for(setting: &Object) -> bool {
    let names = [": persistence", ": tablespace", ": access method"];
    setting.kind == "setting" && names.iter().any(|name| setting.name.ends_with(name))
}

/// For example "Create view public.v".
fn title(verb: &str, object: &Object) -> String {
    let Object { kind, name } = object;
    match (&**kind, verb) {
        ("default", "Drop") => format!("Drop the default of {name}"),
        ("default", _) => format!("Set the default of {name}"),
        ("not null", "Drop") => format!("Allow NULL in {name}"),
        ("not null", _) => format!("{name} becomes NOT NULL"),
        ("setting", _) => format!("Change {name}"),
        ("comment", _) => format!("{verb} the comment on {name}"),
        ("privilege" | "default privilege", _) => format!("Change privilege {name}"),
        _ => format!("{verb} {kind} {name}"),
    }
}

impl Node {
    /// Takes the steps apart where their class changes: each part can be in another file.
    pub fn parts(self) -> Vec<(Class, Vec<Step>)> {
        let mut parts: Vec<(Class, Vec<Step>)> = Vec::new();
        for step in self.steps {
            match parts.last_mut() {
                Some((class, steps)) if *class == step.class => steps.push(step),
                _ => parts.push((step.class, vec![step])),
            }
        }
        parts
    }
}
