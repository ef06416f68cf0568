//! What is said and sold, and where.

/// Categories, in Portuguese and English.
pub(crate) const CATEGORIES: [(&str, &str); 10] = [
    ("beleza_saude", "health_beauty"),
    ("informatica_acessorios", "computers_accessories"),
    ("automotivo", "auto"),
    ("cama_mesa_banho", "bed_bath_table"),
    ("moveis_decoracao", "furniture_decor"),
    ("esporte_lazer", "sports_leisure"),
    ("perfumaria", "perfumery"),
    ("utilidades_domesticas", "housewares"),
    ("telefonia", "telephony"),
    ("relogios_presentes", "watches_gifts"),
];

/// A category that the translation lacks.
pub(crate) const UNTRANSLATED: &str = "pc_gamer";

/// Cities and their states.
pub(crate) const CITIES: [(&str, &str); 10] = [
    ("sao paulo", "SP"),
    ("campinas", "SP"),
    ("rio de janeiro", "RJ"),
    ("niteroi", "RJ"),
    ("belo horizonte", "MG"),
    ("palmeira d'oeste", "SP"),
    ("curitiba", "PR"),
    ("porto alegre", "RS"),
    ("salvador", "BA"),
    ("brasilia", "DF"),
];

/// Titles of reviews; most have none.
pub(crate) const TITLES: [&str; 6] = ["", "", "", "recomendo", "Ótimo", "Não, obrigado"];

/// What reviews say; most say nothing.
pub(crate) const MESSAGES: [&str; 9] = [
    "",
    "",
    "",
    "Chegou antes do prazo",
    "Produto bom, recomendo.",
    "fiz minha compra faz 30 dias e não recebi ainda meu produto.\r\nPrecisa melhorar nas entregas",
    "Comprei a caixa \"grande\", veio a pequena\r\n\r\nQuero trocar",
    "\"Excelente\"",
    "Veio errado; liguei, ninguém atende\r\n",
];
