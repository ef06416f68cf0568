//! Aligned columns for people. Text stands left, numbers right; two spaces
//! part the columns, so that `awk` and `cut` can still read them.

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a heading.
#[derive(Debug)]
pub(crate) struct Table {
    widths: Widths,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        let columns: Vec<(String, Align)> = columns
            .iter()
            .map(|(name, align)| ((*name).to_owned(), *align))
            .collect();
        Self {
            widths: Widths::new(&columns),
            rows: Vec::new(),
        }
    }

    /// Adds a row: one cell a column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.widths.widen(&cells);
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, each line ended, no spaces at a line's end.
    pub(crate) fn render(&self) -> String {
        let mut out = self.widths.heading();
        for row in &self.rows {
            self.widths.line(row, &mut out);
        }
        out
    }
}

/// Columns and how wide they are: for those who print rows as they come.
#[derive(Debug)]
pub(crate) struct Widths {
    columns: Vec<(String, Align)>,
    widths: Vec<usize>,
}

impl Widths {
    /// As wide as the heading.
    pub(crate) fn new(columns: &[(String, Align)]) -> Self {
        let columns: Vec<(String, Align)> = columns
            .iter()
            .map(|(name, align)| (one_line(name).into_owned(), *align))
            .collect();
        Self {
            widths: columns.iter().map(|(name, _)| width(name)).collect(),
            columns,
        }
    }

    /// At least as wide as a row.
    pub(crate) fn widen(&mut self, cells: &[String]) {
        debug_assert_eq!(cells.len(), self.columns.len(), "one cell a column");
        for (cell, widest) in cells.iter().zip(&mut self.widths) {
            *widest = (*widest).max(width(&one_line(cell)));
        }
    }

    /// The heading's line.
    pub(crate) fn heading(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let mut out = String::new();
        self.line(&names, &mut out);
        out
    }

    /// Appends a row's line. A cell that is wider than its column sticks out.
    pub(crate) fn line(&self, cells: &[String], out: &mut String) {
        let start = out.len();
        for (i, (cell, (_, align))) in cells.iter().zip(&self.columns).enumerate() {
            if i > 0 {
                out.push_str("  ");
            }
            let cell = one_line(cell);
            let padding = self.widths[i].saturating_sub(width(&cell));
            if *align == Align::Right {
                out.extend(std::iter::repeat_n(' ', padding));
            }
            out.push_str(&cell);
            if *align == Align::Left {
                out.extend(std::iter::repeat_n(' ', padding));
            }
        }
        out.truncate(start + out[start..].trim_end_matches(' ').len());
        out.push('\n');
    }
}

/// Columns that a text takes on a terminal, one a character.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// Control characters escaped: a cell stays on its line, and data cannot
/// steer the terminal.
pub(crate) fn one_line(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stands_left_and_numbers_right() {
        let mut table = Table::new(&[
            ("MODEL", Align::Left),
            ("ROWS", Align::Right),
            ("STATE", Align::Left),
        ]);
        table.row(vec![
            "contracts".into(),
            "40,828".into(),
            "committed".into(),
        ]);
        table.row(vec!["é".into(), "7".into(), String::new()]);
        assert_eq!(
            table.render(),
            "MODEL        ROWS  STATE\n\
             contracts  40,828  committed\n\
             é               7\n"
        );
    }

    #[test]
    fn a_cell_with_control_characters_cannot_break_the_table_or_steer_the_terminal() {
        let mut table = Table::new(&[("A", Align::Left)]);
        table.row(vec!["x\ny\u{1b}[2J".into()]);
        assert_eq!(table.render(), "A\nx\\ny\\u{1b}[2J\n");
    }
}
