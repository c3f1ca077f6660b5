//! A table as a picture: cost against number of listeners, both axes logarithmic, as SVG.

use std::fmt::Write as _;

use crate::harness::rounds::number;
use crate::harness::table::{Row, Table};

/// So many peers: more lines than that nobody tells apart.
const PEERS: usize = 5;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 480.0;
/// The area of the plot.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 520.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 420.0;

/// Colours that people who do not tell red from green tell apart (Okabe and Ito), and that are
/// seen on white and on black. The markers differ as well.
const COLOURS: [&str; PEERS] = ["#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// A picture is shown on its own as well as in a page of either colour: it brings its background.
const STYLE: &str = "\
  <style>
    svg { color-scheme: light dark; font: 13px system-ui, sans-serif; --paper: #fff; --ink: #1f2328; --faint: #d0d7de; --ours: #0072b2 }
    @media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --faint: #30363d; --ours: #58a6ff } }
    .paper { fill: var(--paper) } text { fill: var(--ink) } .title { font-size: 16px; font-weight: 600 }
    .grid { stroke: var(--faint) } .middle { text-anchor: middle } .end { text-anchor: end }
    .line { fill: none; stroke-width: 1.8 } .ours { stroke-width: 3.2 } .limit { stroke-dasharray: 6 4 } .floor { stroke-dasharray: 2 3 }
  </style>
";

/// A contestant's line.
struct Line<'a> {
    name: &'a str,
    class: &'static str,
    colour: &'static str,
    marker: usize,
    /// Listeners, and nanoseconds.
    points: Vec<(f64, f64)>,
}

/// The limit, the floor, the hub, and the best of the peers.
pub(crate) fn draw(title: &str, table: &Table) -> String {
    let lines = lines(table);
    let points = || lines.iter().flat_map(|line| &line.points);
    let x = Scale::over(points().map(|point| point.0), LEFT, RIGHT);
    let y = Scale::over(points().map(|point| point.1), BOTTOM, TOP).in_decades();

    let mut svg = String::new();
    let mut add = |text: String| {
        svg.push_str(&text);
        svg.push('\n');
    };
    add(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">"#
    ));
    add(STYLE.trim_end().to_owned());
    add(format!(
        r#"  <rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>"#
    ));
    add(format!(
        r#"  <text class="title" x="{LEFT}" y="30">{title}</text>"#
    ));
    for value in y.decades() {
        let at = y.place(value);
        add(format!(
            r#"  <path class="grid" d="M{LEFT} {at:.1}H{RIGHT}"/><text class="end" x="{:.1}" y="{:.1}">{}</text>"#,
            LEFT - 8.0,
            at + 4.0,
            time(value),
        ));
    }
    for listeners in counts(table).into_iter().flatten() {
        let at = x.place(listeners);
        add(format!(
            r#"  <path class="grid" d="M{at:.1} {TOP}V{BOTTOM}"/><text class="middle" x="{at:.1}" y="{:.1}">{}</text>"#,
            BOTTOM + 20.0,
            whole(listeners),
        ));
    }
    add(format!(
        r#"  <text class="middle" x="{:.1}" y="{:.1}">listeners</text>"#,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 44.0,
    ));
    for (place, line) in lines.iter().enumerate() {
        add(line.draw(&x, &y));
        add(line.legend(place));
    }
    svg.push_str("</svg>\n");
    svg
}

/// In the order of the legend: dearest first, as the lines end.
fn lines(table: &Table) -> Vec<Line<'_>> {
    let counts = counts(table);
    let points = |row: &Row| -> Vec<(f64, f64)> {
        let figures = row.cells.iter().zip(&counts);
        figures
            .filter_map(|(cell, count)| Some(((*count)?, cell.done()?.median)))
            .collect()
    };
    let all_counts = counts.iter().flatten().count();
    let mut peers = Vec::new();
    let mut lines = Vec::new();
    for row in &table.rows {
        let mut line = Line {
            name: row.name,
            class: "peer",
            colour: "",
            marker: 0,
            points: points(row),
        };
        if row.is_limit {
            let is_floor = row.name.starts_with("floor");
            line.class = if is_floor { "floor" } else { "limit" };
            line.colour = "var(--ink)";
            lines.push(line);
        } else if row.name.starts_with("typed-hub") {
            (line.class, line.colour) = ("ours", "var(--ours)");
            line.marker = lines.len();
            lines.push(line);
        } else if line.points.len() == all_counts {
            peers.push(line);
        }
    }
    peers.sort_by(|one, other| one.cost().total_cmp(&other.cost()));
    for (place, mut peer) in peers.into_iter().take(PEERS).enumerate() {
        peer.colour = COLOURS[place];
        peer.marker = place;
        lines.push(peer);
    }
    lines.sort_by(|one, other| other.last().total_cmp(&one.last()));
    lines
}

/// The numbers of listeners of the columns; a logarithmic axis has no place for 0.
fn counts(table: &Table) -> Vec<Option<f64>> {
    let count = |label: &String| label.replace(',', "").parse().ok();
    let columns = table.columns.iter().map(count);
    columns
        .map(|count| count.filter(|count| *count > 0.0))
        .collect()
}

impl Line<'_> {
    /// The geometric mean, as its logarithm: an area under the line.
    fn cost(&self) -> f64 {
        self.points.iter().map(|(_, cost)| cost.ln()).sum()
    }

    fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |(_, cost)| *cost)
    }

    fn draw(&self, x: &Scale, y: &Scale) -> String {
        let (class, colour) = (self.class, self.colour);
        let mut path = String::new();
        let mut markers = String::new();
        for (listeners, cost) in &self.points {
            let (x, y) = (x.place(*listeners), y.place(*cost));
            let step = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{step}{x:.1} {y:.1}");
            markers.push_str(&self.mark(x, y));
        }
        format!(
            r#"  <path class="line {class}" style="stroke: {colour}" d="{path}"/><path style="fill: {colour}" d="{markers}"/>"#
        )
    }

    fn legend(&self, place: usize) -> String {
        #[expect(clippy::cast_precision_loss, reason = "there are ten")]
        let y = TOP + 8.0 + 24.0 * place as f64;
        let (class, colour) = (self.class, self.colour);
        let (from, to) = (RIGHT + 24.0, RIGHT + 54.0);
        let mark = self.mark(f64::midpoint(from, to), y);
        let name = self.name.replace('`', "").replace(": ", ", ");
        let name = name.replace('&', "&amp;");
        format!(
            r#"  <path class="line {class}" style="stroke: {colour}" d="M{from} {y}H{to}"/><path style="fill: {colour}" d="{mark}"/><text x="{}" y="{}">{name}</text>"#,
            to + 8.0,
            y + 4.0,
        )
    }

    /// A square, a diamond, a triangle, another one, a bar.
    fn mark(&self, x: f64, y: f64) -> String {
        let shape = match self.marker {
            0 => "m-4 -4h8v8h-8z",
            1 => "m0 -6l6 6l-6 6l-6 -6z",
            2 => "m0 -5l5 9h-10z",
            3 => "m0 5l5 -9h-10z",
            _ => "m-2 -6h4v12h-4z",
        };
        format!("M{x:.1} {y:.1}{shape}")
    }
}

/// From values to places, by their logarithms.
struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn over(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        Self {
            least: values.clone().fold(f64::INFINITY, f64::min).log10(),
            most: values.fold(0.0, f64::max).log10(),
            from,
            to,
        }
    }

    /// Rounded out to powers of ten.
    fn in_decades(mut self) -> Self {
        self.least = self.least.floor();
        self.most = self.most.ceil();
        self
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        let (least, most) = (self.least, self.most);
        std::iter::successors(Some(least), |power| Some(power + 1.0))
            .take_while(move |power| *power <= most)
            .map(|power| 10_f64.powf(power))
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.log10() - self.least) / (self.most - self.least);
        self.from + part * (self.to - self.from)
    }
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ..1e3 => format!("{nanoseconds} ns"),
        ..1e6 => format!("{} µs", nanoseconds / 1e3),
        _ => format!("{} ms", nanoseconds / 1e6),
    }
}

fn whole(count: f64) -> String {
    if count < 10.0 {
        count.to_string()
    } else {
        number(count)
    }
}
