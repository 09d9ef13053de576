use std::collections::{BTreeMap, BTreeSet};

use catalog::Object;

use crate::{
    Class, Schema, Step,
    changes::Changes,
    steps::{Node, Verb},
};

/// What decides between units that could come next.
type Key = (u8, Object);

/// A part of a node that fits into one file.
struct Unit {
    key: Key,
    class: Class,
    steps: Vec<Step>,
    /// Units that come after this one.
    next: BTreeSet<usize>,
    /// Units that come after this one if that is possible.
    better_next: BTreeSet<usize>,
}

/// Sorts so that what an object needs is there, and what needs it is gone; then so that
/// there are few files; then by kind and name.
pub(crate) fn sorted(changes: &Changes<'_>, nodes: Vec<Node>) -> Vec<Step> {
    let mut units = Vec::new();
    let mut spans = BTreeMap::new();
    let bodies: Vec<_> =
        nodes.iter().filter_map(|node| Some((node.object.clone(), body(changes, node)?))).collect();
    for node in nodes {
        let first = units.len();
        let (object, key) =
            (node.object.clone(), (rank(node.verb, &node.object), node.object.clone()));
        let verb = node.verb;
        for (class, steps) in node.parts() {
            if units.len() > first {
                let unit = units.len();
                let last: &mut Unit = &mut units[unit - 1];
                last.next.insert(unit);
            }
            let key = key.clone();
            units.push(Unit {
                key,
                class,
                steps,
                next: BTreeSet::new(),
                better_next: BTreeSet::new(),
            });
        }
        spans.insert((object, verb), (first, units.len() - 1));
    }
    let graph = Graph { changes, spans };
    for (first, then) in graph.edges() {
        if first != then {
            units[first].next.insert(then);
        }
    }
    for (function, body) in bodies {
        for (first, then) in graph.mentions(&function, &body) {
            units[first].better_next.insert(then);
        }
    }
    walk(units)
}

struct Graph<'a> {
    changes: &'a Changes<'a>,
    /// First and last unit of each node.
    spans: BTreeMap<(Object, Verb), (usize, usize)>,
}

impl Graph<'_> {
    /// Units that drop the object, on their own or with another.
    fn drops(&self, object: &Object) -> Option<(usize, usize)> {
        let maker = self.changes.maker(object, self.changes.before)?;
        self.spans.get(&(maker.clone(), Verb::Drop)).copied()
    }

    /// Units that create or change the object.
    fn makes(&self, object: &Object) -> Option<(usize, usize)> {
        let maker = self.changes.maker(object, self.changes.after).unwrap_or(object);
        self.spans.get(&(maker.clone(), Verb::Make)).copied()
    }

    /// Pairs of units: the first comes first.
    fn edges(&self) -> Vec<(usize, usize)> {
        let mut edges = Vec::new();
        let mut edge = |first: Option<(usize, usize)>, then: Option<(usize, usize)>| {
            if let (Some((_, first)), Some((then, _))) = (first, then) {
                edges.push((first, then));
            }
        };
        let (before, after) = (self.changes.before, self.changes.after);
        let parents = |schema: &Schema| {
            let pairs = schema
                .objects
                .iter()
                .filter_map(|(part, e)| Some((part.clone(), e.parent.clone()?)));
            pairs.collect::<Vec<_>>()
        };
        let needs = |schema: &Schema| {
            let pairs =
                schema.needs.iter().flat_map(|(x, on)| on.keys().map(|y| (x.clone(), y.clone())));
            pairs.collect::<Vec<_>>()
        };
        for (object, needed) in needs(before).into_iter().chain(parents(before)) {
            edge(self.drops(&object), self.drops(&needed));
            if self.changes.changed.contains(&object) {
                edge(self.makes(&object), self.drops(&needed));
            }
            if self.changes.changed.contains(&needed) {
                edge(self.drops(&object), self.makes(&needed));
            }
        }
        for (object, needed) in needs(after).into_iter().chain(parents(after)) {
            edge(self.makes(&needed), self.makes(&object));
        }
        for object in &self.changes.created {
            edge(self.drops(object), self.makes(object));
            let of = |kind: &str, name: &str| Object { kind: kind.into(), name: name.to_owned() };
            match &*object.kind {
                "identity" => {
                    edge(self.makes(&of("not null", &object.name)), self.makes(object));
                    edge(self.drops(&of("default", &object.name)), self.makes(object));
                }
                "constraint" => {
                    let columns = after.detail(object)["columns"].as_array().into_iter().flatten();
                    for column in columns.filter_map(|column| column.as_str()) {
                        edge(self.makes(&of("not null", column)), self.makes(object));
                    }
                }
                _ => {}
            }
        }
        // Two relations of a schema cannot have one name.
        for object in &self.changes.created {
            let Some(name) = relation(after, object) else { continue };
            let dropped = self.changes.dropped.iter();
            for old in dropped.filter(|old| relation(before, old).as_ref() == Some(&name)) {
                edge(self.drops(old), self.makes(object));
            }
        }
        for object in self.changes.dropped.iter().filter(|object| object.kind == "not null") {
            let identity = Object { kind: "identity".into(), name: object.name.clone() };
            edge(self.drops(&identity), self.drops(object));
        }
        edges
    }

    /// Pairs for the objects that a function mentions in its text, where PostgreSQL knows of
    /// no dependency but may look them up.
    fn mentions(&self, function: &Object, body: &str) -> Vec<(usize, usize)> {
        let words: BTreeSet<_> = body.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let Some((then, _)) = self.makes(function) else { return Vec::new() };
        let named = self.spans.iter().filter(|((object, verb), (first, _))| {
            let bare = object.name.split('(').next().unwrap_or_default().rsplit('.').next();
            *verb == Verb::Make
                && *first != then
                && bare.is_some_and(|name| words.contains(name.trim_matches('"')))
        });
        named.map(|(_, (_, last))| (*last, then)).collect()
    }
}

/// Name of the relation that is, or comes with, the object.
fn relation(schema: &Schema, object: &Object) -> Option<String> {
    let detail = schema.detail(object);
    match &*object.kind {
        "table" | "foreign table" | "view" | "materialized view" | "sequence" | "index" => {
            Some(object.name.clone())
        }
        "identity" => detail["sequence"].as_str().map(str::to_owned),
        "constraint" if detail["index"].is_string() => {
            Some(format!("{}.{}", detail["schema"].as_str()?, detail["name"].as_str()?))
        }
        _ => None,
    }
}

/// The text of a function that is created or changed.
fn body(changes: &Changes<'_>, node: &Node) -> Option<String> {
    let is_made = node.verb == Verb::Make && matches!(&*node.object.kind, "function" | "procedure");
    is_made
        .then(|| changes.after.detail(&node.object)["body"].as_str().unwrap_or_default().to_owned())
}

/// Takes units that nothing must come before, of the same class as long as there are any.
fn walk(mut units: Vec<Unit>) -> Vec<Step> {
    let mut hard = vec![0; units.len()];
    let mut soft = vec![0; units.len()];
    for unit in &units {
        unit.next.iter().for_each(|&next| hard[next] += 1);
        unit.better_next.iter().for_each(|&next| soft[next] += 1);
    }
    let mut left: BTreeSet<usize> = (0..units.len()).collect();
    let mut ready: BTreeMap<Class, BTreeSet<(Key, usize)>> = BTreeMap::new();
    let mut class = Class::Value;
    let mut steps = Vec::new();
    for unit in 0..units.len() {
        if hard[unit] + soft[unit] == 0 {
            ready.entry(units[unit].class).or_default().insert((units[unit].key.clone(), unit));
        }
    }
    while !left.is_empty() {
        ready.retain(|_, units| !units.is_empty());
        let next = ready.get_mut(&class).and_then(BTreeSet::pop_first);
        let next = next.or_else(|| ready.values_mut().next().and_then(BTreeSet::pop_first));
        // In a circle, what need not wait goes first.
        let next = next.map(|(_, unit)| unit).or_else(|| {
            left.iter().copied().min_by_key(|&unit| (hard[unit], units[unit].key.clone()))
        });
        let Some(unit) = next else { break };
        left.remove(&unit);
        class = units[unit].class;
        steps.append(&mut units[unit].steps);
        let (next, better) =
            (std::mem::take(&mut units[unit].next), std::mem::take(&mut units[unit].better_next));
        for (followers, waiting) in [(&next, &mut hard), (&better, &mut soft)] {
            followers.iter().for_each(|&follower| waiting[follower] -= 1);
        }
        for &unit in next.union(&better) {
            if hard[unit] + soft[unit] == 0 && left.contains(&unit) {
                ready.entry(units[unit].class).or_default().insert((units[unit].key.clone(), unit));
            }
        }
    }
    steps
}

/// Order where dependencies leave a choice: what goes, what comes, what can go at last.
fn rank(verb: Verb, object: &Object) -> u8 {
    const DROPS: [&str; 18] = [
        "default privilege",
        "privilege",
        "comment",
        "event trigger",
        "setting",
        "trigger",
        "policy",
        "rule",
        "view",
        "materialized view",
        "statistics",
        "constraint",
        "index",
        "default",
        "identity",
        "not null",
        "column",
        "table",
    ];
    const MAKES: [&str; 25] = [
        "schema",
        "extension",
        "enum type",
        "composite type",
        "range type",
        "domain",
        "sequence",
        "table",
        "foreign table",
        "column",
        "default",
        "not null",
        "identity",
        "setting",
        "constraint",
        "index",
        "function",
        "procedure",
        "aggregate",
        "view",
        "materialized view",
        "rule",
        "trigger",
        "event trigger",
        "policy",
    ];
    let position = |kinds: &[&str]| kinds.iter().position(|kind| *kind == object.kind);
    let place = match verb {
        Verb::Drop => position(&DROPS).unwrap_or(80),
        Verb::Make => 20 + position(&MAKES).unwrap_or(MAKES.len()),
    };
    u8::try_from(place).unwrap_or(u8::MAX)
}
