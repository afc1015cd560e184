//! One promise with what was measured, as a line of a table or of JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::sample::Figures;

/// What a ratio must be.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// What was measured of both sides.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) ours: (&'static str, Figures),
    pub(super) peer: (&'static str, Figures),
    pub(super) unit: &'static str,
    pub(super) ratio: f64,
    pub(super) goal: Goal,
}

impl Row {
    pub(super) fn holds(&self) -> bool {
        match self.goal {
            Goal::AtMost(most) => self.ratio <= most,
            Goal::AtLeast(least) => self.ratio >= least,
        }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::AtLeast(least) => format!(">= {least}"),
        }
    }

    pub(super) fn complaint(&self) -> String {
        format!("{}: {:.2} is not {}", self.name, self.ratio, self.goal())
    }

    pub(super) fn json(&self) -> Value {
        let side = |(name, figures): &(&str, Figures)| json!({ "name": name, "p50": rounded(figures.p50), "min": rounded(figures.min), "cpu": rounded(figures.cpu) });
        json!({
            "name": self.name, "ours": side(&self.ours), "peer": side(&self.peer), "unit": self.unit,
            "ratio": rounded(self.ratio), "goal": self.goal(), "ok": self.holds(),
        })
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// A Markdown table: it reads the same in a terminal and in the documentation.
pub(super) fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        ["promise", "ours", "peer", "unit", "ours p50/min/cpu", "peer p50/min/cpu", "ratio", "goal", ""]
            .map(str::to_owned),
    ];
    for row in rows {
        lines.push([
            row.name.to_owned(),
            row.ours.0.to_owned(),
            row.peer.0.to_owned(),
            row.unit.to_owned(),
            row.ours.1.to_string(),
            row.peer.1.to_string(),
            format!("{:.2}", row.ratio),
            row.goal(),
            if row.holds() { "ok" } else { "NOT OK" }.to_owned(),
        ]);
    }
    let widths: Vec<usize> =
        (0..9).map(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or_default()).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            widths.iter().for_each(|width| {
                let _ = write!(text, "|{:-<1$}", "", width + 2);
            });
            text.push_str("|\n");
        }
    }
    text
}
