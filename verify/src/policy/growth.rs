//! How large a value can become while an expression is evaluated.
//!
//! `map` can say a thing twice for each thing that it is given, and a `map` over that twice again: what is written in a hundred
//! bytes would fill any memory. So every value is given a bound before anything is evaluated, in the size of what the
//! expression is asked about.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use lacre_manifest::escape;

/// What anything takes, in bytes.
const LEAST: f64 = 8.0;

/// A bound that grows with the variables that a comprehension binds: so much, and so much for each byte of each of them.
#[derive(Debug, Clone, Default)]
struct Bound {
    fixed: f64,
    /// By the place of the variable among those that are bound.
    per: Vec<f64>,
}

/// What evaluating an expression costs, at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// The largest value that is made, in bytes.
    pub(super) largest: f64,
    /// The bytes that are looked at, with [`STEP`] for each step.
    pub(super) work: f64,
}

/// What each step of an evaluation costs, in bytes that could be looked at in the same time.
const STEP: f64 = 64.0;

impl Cost {
    /// Of `expression`, where what it is asked about has `input` bytes together.
    pub(super) fn of(expression: &IdedExpr, input: f64) -> Self {
        let mut growth = Growth { bound: Vec::new(), input, largest: 0.0 };
        let Sizes { work, .. } = growth.of(expression);
        Self { largest: growth.largest, work: growth.most(&work) }
    }
}

/// How large a value is, and what was looked at for it.
#[derive(Debug, Clone, Default)]
struct Sizes {
    size: Bound,
    work: Bound,
}

struct Growth<'e> {
    /// What comprehensions bind where the walk is, with the most that each can be.
    bound: Vec<(&'e str, f64)>,
    input: f64,
    largest: f64,
}

impl<'e> Growth<'e> {
    fn of(&mut self, expression: &'e IdedExpr) -> Sizes {
        let Sizes { size, work } = match &expression.expr {
            Expr::Ident(name) => Sizes { size: self.variable(name), work: Bound::default() },
            Expr::Literal(_) | Expr::Unspecified => {
                Sizes { size: Bound::fixed(literal(expression)), work: Bound::default() }
            }
            Expr::Select(select) => self.of(&select.operand),
            Expr::Call(call) if call.func_name == "_?_:_" => {
                // Which of both it gives is not known; what it asks is neither.
                let parts: Vec<Sizes> = call.args.iter().map(|part| self.of(part)).collect();
                let work = parts.iter().fold(Bound::default(), |sum, part| sum.and(part.work.clone()));
                let size = parts.into_iter().skip(1).fold(Bound::default(), |sum, part| sum.and(part.size));
                Sizes { size, work }
            }
            Expr::Call(call) => {
                let arguments = self.all(call.target.iter().map(|it| &**it).chain(&call.args));
                let looked_at =
                    if looks(&call.func_name) { arguments.size.clone() } else { Bound::default() };
                Sizes {
                    size: arguments.size.times(gives(&call.func_name)),
                    work: arguments.work.and(looked_at),
                }
            }
            Expr::List(list) => self.all(list.elements.iter()),
            Expr::Map(map) => self.entries(map.entries.iter().map(|entry| &entry.expr)),
            Expr::Struct(made) => self.entries(made.entries.iter().map(|entry| &entry.expr)),
            Expr::Comprehension(comprehension) => {
                let range = self.of(&comprehension.iter_range);
                let begun = self.of(&comprehension.accu_init);
                let (longest, first) = (self.most(&range.size), self.most(&begun.size));
                let outside = self.bound.len();
                self.bound.push((&comprehension.accu_var, first));
                self.bound.push((&comprehension.iter_var, longest));
                if let Some(second) = &comprehension.iter_var2 {
                    self.bound.push((second, longest));
                }
                let condition = self.of(&comprehension.loop_cond);
                let step = self.of(&comprehension.loop_step);
                let result = self.of(&comprehension.result);
                self.bound.truncate(outside);
                let over = |each: Bound| each.over(outside, &range.size, longest);
                Sizes {
                    size: begun.size.and(over(step.size)).and(result.size.outside(outside)),
                    work: range
                        .work
                        .clone()
                        .and(begun.work)
                        .and(over(condition.work.and(step.work)))
                        .and(result.work.outside(outside)),
                }
            }
        };
        // Of what is only passed on, nothing is added.
        let passed_on = match &expression.expr {
            Expr::Call(call) => gives(&call.func_name) > 0.0,
            Expr::Ident(_) | Expr::Select(_) | Expr::Comprehension(_) => true,
            _ => false,
        };
        let size = if passed_on { size } else { size.and(Bound::fixed(LEAST)) };
        self.largest = self.largest.max(self.most(&size));
        Sizes { size, work: work.and(Bound::fixed(STEP)) }
    }

    fn all<'x>(&mut self, parts: impl Iterator<Item = &'x IdedExpr>) -> Sizes
    where
        'x: 'e,
    {
        parts.fold(Sizes::default(), |sum, part| {
            let Sizes { size, work } = self.of(part);
            Sizes { size: sum.size.and(size), work: sum.work.and(work) }
        })
    }

    fn entries(&mut self, entries: impl Iterator<Item = &'e EntryExpr>) -> Sizes {
        let parts: Vec<&'e IdedExpr> = entries
            .flat_map(|entry| match entry {
                EntryExpr::StructField(field) => vec![&field.value],
                EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
            })
            .collect();
        self.all(parts.into_iter())
    }

    fn variable(&self, name: &str) -> Bound {
        match self.bound.iter().rposition(|(bound, _)| *bound == name) {
            None => Bound::fixed(self.input),
            Some(at) => {
                let mut per = vec![0.0; at + 1];
                per[at] = 1.0;
                Bound { fixed: 0.0, per }
            }
        }
    }

    fn most(&self, bound: &Bound) -> f64 {
        let bytes = |(per, (_, most)): (&f64, &(&str, f64))| per * most;
        bound.fixed + bound.per.iter().zip(&self.bound).map(bytes).sum::<f64>()
    }
}

/// How often a call gives what it is given.
fn gives(function: &str) -> f64 {
    match function {
        "_+_" | "_?_:_" | "_[_]" => 1.0,
        // A truth or a number.
        "bool" | "contains" | "double" | "endsWith" | "int" | "matches" | "size" | "startsWith" | "uint" => {
            0.0
        }
        operator if operator.starts_with(['_', '!', '-', '@']) => 0.0,
        _ => 4.0,
    }
}

/// Whether a call looks at all that it is given.
fn looks(function: &str) -> bool {
    !matches!(function, "_&&_" | "_||_" | "!_" | "_?_:_" | "_[_]" | "size" | "@not_strictly_false")
}

impl Bound {
    fn fixed(bytes: f64) -> Self {
        Self { fixed: bytes, per: Vec::new() }
    }

    fn and(mut self, other: Self) -> Self {
        self.fixed += other.fixed;
        self.per.resize(self.per.len().max(other.per.len()), 0.0);
        for (per, more) in self.per.iter_mut().zip(other.per) {
            *per += more;
        }
        self
    }

    fn times(mut self, factor: f64) -> Self {
        self.fixed *= factor;
        for per in &mut self.per {
            *per *= factor;
        }
        self
    }

    /// The same for each element of a range that has at most `longest` bytes. All elements together are the range; what does
    /// not depend on them comes once for each.
    fn over(mut self, outside: usize, range: &Self, longest: f64) -> Self {
        let inner = self.per.split_off(outside.min(self.per.len()));
        // The first of them gathers the result: what it is made of is counted already.
        let per_byte: f64 = inner.iter().skip(1).sum::<f64>() + self.fixed / LEAST;
        self.fixed = 0.0;
        self.times(longest / LEAST).and(range.clone().times(per_byte))
    }

    /// The same without what only a comprehension knows.
    fn outside(mut self, outside: usize) -> Self {
        self.per.truncate(outside);
        self
    }
}

/// A literal is not longer than it is written.
fn literal(expression: &IdedExpr) -> f64 {
    let written = escape(&format!("{:?}", expression.expr)).len();
    u32::try_from(written).map_or(f64::INFINITY, f64::from)
}
