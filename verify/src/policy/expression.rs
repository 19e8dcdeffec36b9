//! Demands that are written in CEL (<https://cel.dev>): a question about what is known, answered yes or no.
//!
//! CEL has no loops and no side effects, and the interpreter has no clock to stop it by. So the work is bounded before it is
//! begun: the length and nesting of the expression when the policy is read, and the size of what it is asked about when
//! it is. Whatever cannot be answered is a no.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::{Context, Program, Value};
use lacre_manifest::escape;
use serde_json::Value as Json;

use super::growth::Cost;

/// The longest expression, in bytes.
pub(super) const LONGEST: usize = 2048;
/// How many operators, brackets and points there may be, in texts, too; and how deep anything may stand within another. Reading
/// and evaluating is recursive, and a stack that is exhausted ends the process.
const MOST_SIGNS: usize = 512;
const DEEPEST_VALUE: u32 = 128;
/// How deep comprehensions (`all`, `exists`, `map`, `filter`) may stand within another.
const DEEPEST: u32 = 2;
/// The largest input, in bytes of JSON.
const LARGEST: usize = 1 << 20;
/// How much an evaluation may do, in bytes that it looks at: see [`Cost`]. Reached in a second.
const MOST_WORK: f64 = 512.0 * 1024.0 * 1024.0;
/// The largest value that may be made on the way, in bytes.
const LARGEST_MADE: f64 = 64.0 * 1024.0 * 1024.0;

/// What an expression may ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// A model: its artifact, its signers, its release.
    Model,
    /// An attestation, and the model that it is about.
    Attestation,
}

impl About {
    fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Model => &["artifact", "now", "release", "signers"],
            Self::Attestation => {
                &["artifact", "now", "predicate", "release", "signed_at", "signer", "signers", "statement"]
            }
        }
    }
}

/// An expression, read and bounded.
#[derive(Debug)]
pub(super) struct Expression {
    program: Program,
    text: String,
}

impl Expression {
    /// Reads an expression; else why it is none, and the byte where that can be told.
    pub(super) fn parse(text: &str, about: About) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("an expression has at most {LONGEST} bytes"));
        }
        let is_sign = |byte: &u8| b"+-*/%<>=!&|?:.,([{".contains(byte);
        if text.bytes().filter(|byte| is_sign(byte)).count() > MOST_SIGNS {
            return Err(format!("an expression has at most {MOST_SIGNS} operators, brackets and points"));
        }
        let program = catch_unwind(|| Program::compile(text))
            .map_err(|_| "no expression in CEL".to_owned())?
            .map_err(|errors| match errors.errors.first() {
                Some(first) => {
                    let (line, column) = first.pos;
                    format!("no expression in CEL: line {line}, column {column}: {}", escape(&first.msg))
                }
                None => "no expression in CEL".to_owned(),
            })?;
        let known = about.variables();
        let walk = Walk::of(program.expression(), known);
        let depth = walk.deepest;
        if walk.deepest_value > DEEPEST_VALUE {
            return Err(format!("an expression within expressions: at most {DEEPEST_VALUE} deep"));
        }
        if depth > DEEPEST {
            return Err(format!("comprehensions within comprehensions, {depth} deep: at most {DEEPEST}"));
        }
        if let Some(name) = walk.unknown {
            return Err(format!("{} is not known here: {}", escape(name), known.join(", ")));
        }
        Ok(Self { program, text: text.to_owned() })
    }

    /// The expression as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Answers it.
    ///
    /// # Errors
    /// Why it has no answer: too much to look at, or the expression does not fit what it is asked about.
    pub(super) fn holds(&self, input: &Json) -> Result<bool, String> {
        let (mut values, mut bytes) = (0_u64, 0_u64);
        count(input, &mut values, &mut bytes);
        if bytes > LARGEST as u64 {
            return Err(format!("there are more than {LARGEST} bytes to look at"));
        }
        let input_bytes = u32::try_from(bytes).map_or(f64::INFINITY, f64::from);
        let cost = Cost::of(self.program.expression(), input_bytes);
        if cost.largest > LARGEST_MADE || cost.work > MOST_WORK {
            return Err(format!("{values} values are too many to look at with this expression"));
        }
        // The interpreter is somebody else's: if it should ever panic, that is a no.
        let answer = catch_unwind(AssertUnwindSafe(|| self.evaluate(input)));
        answer.unwrap_or_else(|_| Err("the expression cannot be evaluated".to_owned()))
    }

    fn evaluate(&self, input: &Json) -> Result<bool, String> {
        let mut context = Context::default();
        for (name, value) in input.as_object().into_iter().flatten() {
            context.add_variable_from_value(name.as_str(), value_of(value));
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(answer)) => Ok(answer),
            Ok(other) => Err(format!("the answer is neither true nor false but {:?}", other.type_of())),
            Err(error) => Err(escape(&error.to_string())),
        }
    }
}

/// A value of JSON as CEL has it: whole numbers are `int`, so that one can be added to them.
fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => (*truth).into(),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(elements) => elements.iter().map(value_of).collect::<Vec<_>>().into(),
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value_of(value)))
            .collect::<HashMap<_, _>>()
            .into(),
    }
}

/// What an expression is made of.
struct Walk<'e> {
    /// Names that comprehensions bind where the walk is.
    bound: Vec<&'e str>,
    known: &'static [&'static str],
    unknown: Option<&'e str>,
    deepest: u32,
    /// Of all expressions around the one where the walk is, and the most that there were.
    around: u32,
    deepest_value: u32,
}

impl<'e> Walk<'e> {
    fn of(expression: &'e IdedExpr, known: &'static [&'static str]) -> Self {
        let mut walk =
            Self { bound: Vec::new(), known, unknown: None, deepest: 0, around: 0, deepest_value: 0 };
        walk.visit(expression, 0);
        walk
    }

    /// `depth` comprehensions are around `expression`.
    fn visit(&mut self, expression: &'e IdedExpr, depth: u32) {
        self.deepest = self.deepest.max(depth);
        self.around += 1;
        self.deepest_value = self.deepest_value.max(self.around);
        self.parts(expression, depth);
        self.around -= 1;
    }

    fn parts(&mut self, expression: &'e IdedExpr, depth: u32) {
        match &expression.expr {
            Expr::Ident(name) => {
                if !self.known.contains(&name.as_str()) && !self.bound.contains(&name.as_str()) {
                    self.unknown = self.unknown.or(Some(name));
                }
            }
            Expr::Call(call) => {
                call.target.iter().for_each(|target| self.visit(target, depth));
                call.args.iter().for_each(|argument| self.visit(argument, depth));
            }
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range, depth);
                self.visit(&comprehension.accu_init, depth);
                let outside = self.bound.len();
                self.bound.extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
                self.bound.extend(comprehension.iter_var2.as_deref());
                for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                    self.visit(part, depth + 1);
                }
                self.bound.truncate(outside);
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element, depth)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr, depth)),
            Expr::Struct(made) => made.entries.iter().for_each(|entry| self.entry(&entry.expr, depth)),
            Expr::Select(select) => self.visit(&select.operand, depth),
            Expr::Unspecified | Expr::Literal(_) => {}
        }
    }

    fn entry(&mut self, entry: &'e EntryExpr, depth: u32) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, depth),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, depth);
                self.visit(&entry.value, depth);
            }
        }
    }
}

fn count(input: &Json, values: &mut u64, bytes: &mut u64) {
    *values += 1;
    *bytes += 8;
    match input {
        Json::String(text) => *bytes += text.len() as u64,
        Json::Array(elements) => elements.iter().for_each(|element| count(element, values, bytes)),
        Json::Object(members) => {
            for (name, member) in members {
                *bytes += name.len() as u64;
                count(member, values, bytes);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(text: &str, input: &Json) -> Result<bool, String> {
        Expression::parse(text, About::Attestation).and_then(|expression| expression.holds(input))
    }

    #[test]
    fn expressions_ask_about_what_is_known() {
        let input = json!({"predicate": {"score": 0.93, "tests": [{"n": 1}, {"n": 2}], "id": "a"}, "now": 5});
        for (text, answer) in [
            ("predicate.score > 0.9", true),
            ("predicate.score > 0.95", false),
            ("predicate.tests.all(t, t.n > 0)", true),
            ("predicate.tests.exists(t, t.n == 3)", false),
            ("has(predicate.missing)", false),
            ("predicate.id in ['a', 'b'] && now == 5", true),
        ] {
            assert_eq!(ask(text, &input), Ok(answer), "{text}");
        }
    }

    #[test]
    fn what_has_no_answer_is_an_error() {
        let input = json!({"predicate": {"id": "a"}});
        for text in [
            "predicate.missing == 1",
            "predicate.id",
            "predicate.id + 1 == 2",
            "1 / 0 == 1",
            "statement.x",
            "9223372036854775807 + 1 > 0",
        ] {
            assert!(ask(text, &input).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_told_when_the_policy_is_read() {
        for (text, about) in [
            ("predicate.", About::Attestation),
            ("", About::Attestation),
            ("unknown == 1", About::Attestation),
            ("predicate.x == 1", About::Model),
            ("predicate.a.all(x, x.b.all(y, y.c.all(z, z)))", About::Attestation),
        ] {
            assert!(Expression::parse(text, about).is_err(), "{text}");
        }
        assert!(
            Expression::parse(&format!("{}true{}", "(".repeat(900), ")".repeat(900)), About::Model).is_err()
        );
        assert!(Expression::parse(&"!".repeat(2049), About::Model).is_err());
        assert!(Expression::parse("predicate.a.all(x, x.b.all(y, y == 1))", About::Attestation).is_ok());
    }

    #[test]
    fn the_work_is_bounded_before_it_is_begun() {
        let many: Vec<u32> = (0..5_000).collect();
        let input = json!({"predicate": {"a": many}});
        assert_eq!(ask("predicate.a.all(x, x >= 0)", &input), Ok(true));
        let error = ask("predicate.a.all(x, predicate.a.all(y, x + y >= 0))", &input).unwrap_err();
        assert!(error.contains("too many"), "{error}");
        // Within each other, over parts that are parts of one whole, it is not too much.
        let parts: Vec<Json> = (0..2_000).map(|id| json!({"id": id, "rates": [1, 2, 3]})).collect();
        let input = json!({"predicate": {"parts": parts}});
        assert_eq!(ask("predicate.parts.all(p, p.rates.all(r, r > 0))", &input), Ok(true));
        let long = json!({"predicate": {"a": "x".repeat(2 << 20)}});
        assert!(ask("predicate.a == 'y'", &long).unwrap_err().contains("bytes"));
    }

    #[test]
    fn what_grows_is_refused_before_it_does() {
        let doubled = |times: usize| format!("['x']{}.size() > 0", ".map(a, a + a)".repeat(times));
        assert_eq!(ask(&doubled(4), &json!({})), Ok(true));
        for text in [
            doubled(120),
            format!("['x']{} == ['x']", ".map(a, [a, a])".repeat(80)),
            format!("['x']{}.exists(a, a == 'y')", ".map(a, {'l': a, 'r': a})".repeat(60)),
        ] {
            assert!(ask(&text, &json!({})).unwrap_err().contains("too many"), "{text}");
        }
        // What people write about documents of a megabyte is none of it.
        let parts: Vec<Json> = (0..4_000).map(|id| json!({"id": id, "text": "x".repeat(180)})).collect();
        let input = json!({"predicate": {"parts": parts}});
        let text = "predicate.parts.filter(p, p.id > 7).map(p, p.text).all(t, t.size() == 180)";
        assert_eq!(ask(text, &input), Ok(true));
    }

    /// A panic can be caught, and an exhausted stack cannot: what is written as deep as it may be is read on a small one.
    #[test]
    fn nothing_that_is_let_in_exhausts_the_stack() {
        let cases = [
            ("(", "true", ")"),
            ("[", "", "]"),
            ("{1:", "1", "}"),
            ("!", "true", ""),
            ("-", "now", ""),
            ("true ? true : ", "true", ""),
            ("", "now", ".a"),
            ("", "now", "[0]"),
            ("", "now", "+1"),
            ("", "now", "<1"),
            ("", "now", "*1"),
            ("true && ", "true", ""),
            ("", "true", " || true"),
            ("size(", "now", ")"),
            ("now.all(a, ", "true", ")"),
        ];
        let mut too_deep = 0;
        for ((open, inner, close), times) in
            cases.iter().flat_map(|case| [(case, 2048), (case, 500), (case, 250)])
        {
            let times = ((LONGEST - inner.len()) / (open.len() + close.len())).min(times);
            let text = format!("{}{inner}{}", open.repeat(times), close.repeat(times));
            match Expression::parse(&text, About::Model) {
                Ok(expression) => drop(expression.holds(&json!({"now": 1}))),
                Err(_) => too_deep += 1,
            }
        }
        assert!(too_deep > cases.len(), "{too_deep}");
    }

    #[test]
    fn whole_numbers_are_reckoned_with() {
        let input = json!({"predicate": {"n": 3, "big": u64::MAX, "half": 0.5, "no": null}, "now": 100});
        for text in
            ["predicate.n + 1 == 4", "now - 90 < 20", "predicate.big > 5", "predicate.half + 0.5 == 1.0"]
        {
            assert_eq!(ask(text, &input), Ok(true), "{text}");
        }
        assert_eq!(ask("predicate.no == null", &input), Ok(true));
    }

    #[test]
    fn an_expression_is_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Expression>();
    }
}
