//! A drawing of how time grows, as SVG text: panels side by side, both axes logarithmic.
//!
//! It has no script and loads nothing. Colours follow the reader's preference for light or dark; lines differ in their
//! points and dashes too.

use std::fmt::Write as _;

use super::fit::Fit;

/// One picture.
pub(super) struct Panel {
    pub(super) title: String,
    /// What grows, with its unit.
    pub(super) across: String,
    pub(super) lines: Vec<Line>,
}

/// Points `(amount, seconds)`, and the line through them.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) fit: Option<Fit>,
}

const PANEL_WIDTH: f64 = 460.0;
const HEIGHT: f64 = 400.0;
/// The frame of a panel, from its left and from the top.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 440.0;
const TOP: f64 = 80.0;
const BOTTOM: f64 = 330.0;

const STYLE: &str = "\
    text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 13px; fill: #1f2328; }
    .page { fill: #ffffff; }
    .title { font-size: 16px; font-weight: 600; }
    .panel { font-size: 14px; font-weight: 600; }
    .frame { fill: none; stroke: #8c959f; }
    .grid { stroke: #d1d9e0; stroke-width: 1; }
    .fit { fill: none; stroke-width: 2; }
    .line-0 { stroke: #0969da; } .dot-0 { fill: #0969da; }
    .line-1 { stroke: #bc4c00; stroke-dasharray: 7 4; } .dot-1 { fill: #bc4c00; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .page { fill: #0d1117; }
      .frame { stroke: #7d8590; }
      .grid { stroke: #30363d; }
      .line-0 { stroke: #58a6ff; } .dot-0 { fill: #58a6ff; }
      .line-1 { stroke: #f0883e; } .dot-1 { fill: #f0883e; }
    }
";

/// The drawing. `about` says in a sentence what is seen.
pub(super) fn svg(title: &str, about: &str, panels: &[Panel]) -> String {
    let width = panels.iter().fold(20.0, |width, _| width + PANEL_WIDTH);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" \
         height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"title about\">\n  <title id=\"title\">{}</title>\n  \
         <desc id=\"about\">{}</desc>\n  <style>\n{STYLE}  </style>\n  \
         <rect class=\"page\" width=\"{width}\" height=\"{HEIGHT}\"/>\n",
        escaped(title),
        escaped(about)
    );
    text(&mut out, "title", "middle", (width / 2.0, 28.0), title);
    let mut left = 0.0;
    for panel in panels {
        let _ = writeln!(out, "  <g transform=\"translate({left} 0)\">");
        draw(&mut out, panel);
        out.push_str("  </g>\n");
        left += PANEL_WIDTH;
    }
    out.push_str("</svg>\n");
    out
}

/// Values that stand on an axis, and where.
struct Axis {
    /// Powers of ten at both ends.
    low: f64,
    high: f64,
    /// Where they stand.
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis that begins and ends with whole powers of ten and holds all values.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (least, most) = values
            .filter(|value| *value > 0.0 && value.is_finite())
            .map(f64::log10)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), log| (least.min(log), most.max(log)));
        if least > most {
            return Self { low: 0.0, high: 1.0, from, to };
        }
        let low = least.floor();
        Self { low, high: most.ceil().max(low + 1.0), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value.log10() - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// The powers of ten.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let (mut power, high) = (self.low, self.high);
        std::iter::from_fn(move || {
            let here = power;
            power += 1.0;
            (here <= high).then(|| 10_f64.powf(here))
        })
    }
}

fn draw(out: &mut String, panel: &Panel) {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let across = Axis::over(points().map(|(amount, _)| *amount), LEFT, RIGHT);
    let up = Axis::over(points().map(|(_, seconds)| *seconds), BOTTOM, TOP);
    text(out, "panel", "middle", (f64::midpoint(LEFT, RIGHT), 58.0), &panel.title);
    for tick in across.ticks() {
        let x = across.place(tick);
        let _ = writeln!(out, r#"    <path class="grid" d="M{x:.1} {TOP}V{BOTTOM}"/>"#);
        text(out, "tick", "middle", (x, BOTTOM + 18.0), &number(tick));
    }
    for tick in up.ticks() {
        let y = up.place(tick);
        let _ = writeln!(out, r#"    <path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/>"#);
        text(out, "tick", "end", (LEFT - 8.0, y + 4.5), &number(tick));
    }
    let (width, height) = (RIGHT - LEFT, BOTTOM - TOP);
    let _ =
        writeln!(out, r#"    <rect class="frame" x="{LEFT}" y="{TOP}" width="{width}" height="{height}"/>"#);
    text(out, "label", "middle", (f64::midpoint(LEFT, RIGHT), BOTTOM + 40.0), &panel.across);
    let middle = f64::midpoint(TOP, BOTTOM);
    let _ = writeln!(
        out,
        r#"    <text text-anchor="middle" transform="translate(18 {middle}) rotate(-90)">seconds (wall)</text>"#
    );
    let mut key = TOP + 20.0;
    for (index, line) in panel.lines.iter().enumerate() {
        draw_line(out, index, line, &across, &up);
        mark(out, index, (LEFT + 16.0, key - 4.5));
        text(out, "key", "start", (LEFT + 28.0, key), &line.name);
        key += 20.0;
    }
}

fn draw_line(out: &mut String, index: usize, line: &Line, across: &Axis, up: &Axis) {
    if let (Some(fit), Some((first, _)), Some((last, _))) =
        (line.fit, line.points.first(), line.points.last())
    {
        // A power is a straight line here: its ends are enough.
        let end = |amount: f64| format!("{:.1} {:.1}", across.place(amount), up.place(fit.at(amount)));
        let _ = writeln!(out, r#"    <path class="fit line-{index}" d="M{}L{}"/>"#, end(*first), end(*last));
    }
    for (amount, seconds) in &line.points {
        mark(out, index, (across.place(*amount), up.place(*seconds)));
    }
}

/// The mark of a point: round for the first line, square for the others.
fn mark(out: &mut String, index: usize, (x, y): (f64, f64)) {
    let _ = if index == 0 {
        writeln!(out, r#"    <circle class="dot-{index}" cx="{x:.1}" cy="{y:.1}" r="4.5"/>"#)
    } else {
        let (left, top) = (x - 4.0, y - 4.0);
        writeln!(out, r#"    <rect class="dot-{index}" x="{left:.1}" y="{top:.1}" width="8" height="8"/>"#)
    };
}

fn text(out: &mut String, class: &str, anchor: &str, (x, y): (f64, f64), words: &str) {
    let words = escaped(words);
    let _ = writeln!(
        out,
        r#"    <text class="{class}" text-anchor="{anchor}" x="{x:.1}" y="{y:.1}">{words}</text>"#
    );
}

/// A power of ten as people write it.
fn number(value: f64) -> String {
    if value < 1.0 {
        // Rounded: the power may be a hair off.
        let digits = if value > 0.05 {
            1
        } else if value > 0.005 {
            2
        } else {
            3
        };
        return format!("{value:.digits$}");
    }
    let digits = format!("{value:.0}");
    let mut words = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            words.push('\u{2009}');
        }
        words.push(digit);
    }
    words
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails unless every tag is closed in order and every attribute quoted; gives the names of the elements.
    fn elements(svg: &str) -> Vec<String> {
        let (mut open, mut all) = (Vec::new(), Vec::new());
        let mut rest = svg;
        while let Some((before, after)) = rest.split_once('<') {
            assert!(!before.contains('>'), "a loose `>` in {before:?}");
            for entity in before.split('&').skip(1) {
                assert!(
                    ["amp;", "lt;", "gt;", "quot;"].iter().any(|name| entity.starts_with(name)),
                    "{before}"
                );
            }
            let (tag, next) = after.split_once('>').unwrap();
            rest = next;
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name));
                continue;
            }
            assert!(tag.matches('"').count().is_multiple_of(2) && !tag.contains('<'), "{tag}");
            let name = tag.split([' ', '/']).next().unwrap().to_owned();
            if !tag.ends_with('/') {
                open.push(name.clone());
            }
            all.push(name);
        }
        assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest:?}");
        all
    }

    fn panel(lines: Vec<Line>) -> Panel {
        Panel { title: "over <bytes> & \"more\"".to_owned(), across: "GiB".to_owned(), lines }
    }

    fn line(points: &[(f64, f64)], fit: Option<Fit>) -> Line {
        Line { name: "sign".to_owned(), points: points.to_vec(), fit }
    }

    #[test]
    fn the_drawing_is_well_formed_and_has_every_point() {
        let fit = Some(Fit { exponent: 1.0, factor: 0.4 });
        let points = [(1.0, 0.4), (2.0, 0.8), (16.0, 6.4)];
        let drawing =
            svg("T & t", "a <b>", &[panel(vec![line(&points, fit), line(&points, fit)]), panel(Vec::new())]);
        let all = elements(&drawing);
        let count = |name: &str| all.iter().filter(|met| *met == name).count();
        assert_eq!(
            (all[0].as_str(), count("svg"), count("title"), count("desc"), count("g")),
            ("svg", 1, 1, 1, 2)
        );
        // Three points and one in the key; rectangles are the page and two frames too.
        assert_eq!((count("circle"), count("rect")), (4, 4 + 3));
        assert_eq!(drawing.matches("class=\"fit line-").count(), 2);
        assert!(
            drawing.contains("over &lt;bytes&gt; &amp; &quot;more&quot;") && drawing.contains(">T &amp; t<")
        );
        assert!(drawing.contains(">seconds (wall)<") && drawing.contains(">GiB<"));
        assert!(
            !drawing.contains("script") && !drawing.contains("NaN") && !drawing.contains("inf"),
            "{drawing}"
        );
    }

    #[test]
    fn powers_of_ten_stand_at_equal_distances() {
        let axis = Axis::over([0.02, 7.0].into_iter(), 100.0, 400.0);
        let ticks: Vec<String> = axis.ticks().map(number).collect();
        assert_eq!(ticks, ["0.01", "0.1", "1", "10"]);
        let places: Vec<f64> = axis.ticks().map(|tick| axis.place(tick)).collect();
        for (place, expected) in places.iter().zip([100.0, 200.0, 300.0, 400.0]) {
            assert!((place - expected).abs() < 1e-6, "{places:?}");
        }
        // Upwards on the page is downwards in its numbers.
        let up = Axis::over([1.0, 100.0].into_iter(), 330.0, 80.0);
        assert!((up.place(10.0) - 205.0).abs() < 1e-6);
        assert_eq!(number(1_000_000.0), "1\u{2009}000\u{2009}000");
    }

    #[test]
    fn one_value_and_none_have_an_axis_too() {
        for values in [&[1.0][..], &[], &[0.0, -1.0, f64::NAN, f64::INFINITY]] {
            let axis = Axis::over(values.iter().copied(), 0.0, 1.0);
            assert!(axis.high > axis.low && axis.place(1.0).is_finite(), "{values:?}");
        }
    }
}
