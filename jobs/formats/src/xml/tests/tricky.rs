//! Documents in which a reader that begins in the middle is easily led astray.

/// Name, row tags, document.
pub(super) type Tricky = (&'static str, &'static [&'static str], &'static str);

pub(super) const TRICKY: &[Tricky] = &[
    (
        "row tags in comments, CDATA sections, instructions, attributes",
        &["row"],
        "<?xml version='1.0'?>\n<!-- <row><a>1</a></row> -->\n<x><![CDATA[<row><a>2</a></row>]]>\n\
         <?p <row><a>3</a></row>?><y z='<row><a>4</a></row>' w=\"<row/>\"/>\n<row><a>5</a></row>\n\
         <row b='>'><!-- <row> --><a><![CDATA[</row><row>]]></a><?p </row>?></row></x>\n",
    ),
    (
        "elements of the row tag's own name inside rows",
        &["r"],
        "<rs><r><a>1</a><r><a>2</a><r/><r><r>x</r></r></r></r>\n<r/><r><r/></r><r><b><r><a>3</a></r></b></r></rs>",
    ),
    (
        "row and rows",
        &["row"],
        "<rows><rowx><row><a>1</a></row></rowx><row-/><row.b><a>9</a></row.b>\n<row><rows><a>2</a></rows></row>\
         <n:row><a>3</a></n:row><row:n/><a:row:b/></rows>",
    ),
    (
        "boundaries in tags, entities and multi-byte characters",
        &["réc"],
        "\u{feff}\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<x><réc  a = '日本&amp;\u{1D11E}' >\n\
         &#x1D11E;&lt;réc&gt;<é>ü &#8364;</é></réc\t><réc\r\na='&#10;'\r\n/></x>",
    ),
    (
        "records larger than a split",
        &["r"],
        "<rs><r><a>0</a></r><r><l>1</l><l>2</l><l>3</l><l>4</l><l>5</l><l>6</l><l>7</l><l>8</l><l>9</l><l>10</l>\
         <l>11</l><l>12</l><l>13</l><l>14</l><l>15</l><l>16</l><l>17</l><l>18</l><l>19</l></r><r><a>1</a></r></rs>",
    ),
    (
        "unclosed records",
        &["r"],
        "<rs><r><a>1</a></r>\n<r><a>2\n<r><a>3</a></r>\n<r\n<r><a>4</a></r><r a='<r><a>5</a></r>\n<r><a>6</a></r>\n\
         <r><r><a>7</a></r>\n<r><a>8</a></r>\n</rs>\n<r><a>9",
    ),
    (
        "records broken inside",
        &["r"],
        "<rs>\n<r><a>&x;</a></r>\n<r><a></b></r><r b=1/><r b='1' b='2'></r>\n<r><a>AT&T<r/></a></r>\n\
         <r><a>\u{0}5 < 6</a></r><r><![CDATA[</r>]]>&</r><r><!-- </r> --></a></r><r/>\n</rs>",
    ),
    (
        "a comment that never ends",
        &["r"],
        "<rs><r><a>1</a></r>\n<!-- <r>\n<a>2</a></r>\n<![CDATA[ <r><a>3</a></r>]]>\n<r><a>4</a></r></rs>",
    ),
    (
        "a section that never ends inside a record",
        &["r"],
        "<rs><r><a>1</a></r>\n<r><![CDATA[<r><a>2</a></r>\n<r><a>3</a></r>\n<r><a>4</a></r></rs>",
    ),
    (
        "several documents",
        &["r"],
        "\u{feff}<?xml version='1.0'?>\n<rs><r><a>1</a></r></rs>\n\u{feff}<?xml version='1.0'?><!DOCTYPE rs [\n\
         <!ENTITY e '<r><a>2</a></r>'><!-- ]><r/> --><?p ]><r/>?>]>\n<rs><r><a>3</a></r></rs><rs/><r><a>4</a></r>",
    ),
    (
        "quotes that lead astray",
        &["r"],
        "<x t=\"it's\"><r a='\"'><b>\"</b></r><y u='<r>'/><y u=\"<r a='/>'></r>\"/><y =\"<r/>\" v='<r><z>'>it's</y>\
         <r><c d=\"'>\">=\"<r/>\"</c></r><y v=\"<r>'<r/></x>",
    ),
    (
        "terminators that begin and do not end",
        &["r"],
        "<x><!-- - -- -> --><![CDATA[]]]]><![CDATA[]]]><r><a>]]></a><!----><b><![CDATA[]]]]></b></r><?p ? > ??>\
         <!--><r/>--><?><r/>?><r/></x>",
    ),
    (
        "several row tags, one with its prefix",
        &["n:r", "q"],
        "<r><q><a>1</a></q></r><n:r><q><n:r/></q></n:r><m:r/><q><n:r><a>&x;</a></q><n:r><q></n:r><q><a>2</a></q>\
         <m:q><n:q>3</n:q></m:q>",
    ),
    (
        "text and markup that is none",
        &["r"],
        "< r><a>1</a>< /r></ r><r><a>2</a></r>]]> <!r> <!DOCTYPE <r> '<r/>' > <1/></r></1><!-<r/><![CDATA<r/>",
    ),
    (
        "no records",
        &["r"],
        "<?xml version='1.0'?>\n<x>\n<y/></x>\n",
    ),
    ("nothing", &["r"], ""),
];
