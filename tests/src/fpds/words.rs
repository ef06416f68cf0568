//! The vocabulary: codes and names that records draw from.
//!
//! Agencies, states and codes are those of the public code lists; vendors are made up. Codes keep
//! their leading zeros, names hold ampersands, quotes, angle brackets and letters of several bytes.

/// A code with what it means.
pub(crate) type Coded = (&'static str, &'static str);

/// A contracting agency.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Agency {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) department: &'static str,
    pub(crate) department_name: &'static str,
}

const fn agency(
    code: &'static str,
    name: &'static str,
    department: &'static str,
    department_name: &'static str,
) -> Agency {
    Agency {
        code,
        name,
        department,
        department_name,
    }
}

pub(crate) const AGENCIES: &[Agency] = &[
    agency("0300", "LIBRARY OF CONGRESS", "0300", "LIBRARY OF CONGRESS"),
    agency(
        "0500",
        "GOVERNMENT ACCOUNTABILITY OFFICE",
        "0500",
        "GOVERNMENT ACCOUNTABILITY OFFICE",
    ),
    agency(
        "1100",
        "EXECUTIVE OFFICE OF THE PRESIDENT",
        "1100",
        "EXECUTIVE OFFICE OF THE PRESIDENT",
    ),
    agency(
        "12C2",
        "FOREST SERVICE",
        "1200",
        "AGRICULTURE, DEPARTMENT OF",
    ),
    agency(
        "1341",
        "NATIONAL INSTITUTE OF STANDARDS & TECHNOLOGY",
        "1300",
        "COMMERCE, DEPARTMENT OF",
    ),
    agency(
        "1406",
        "OFFICE OF POLICY, BUDGET AND ADMINISTRATION",
        "1400",
        "INTERIOR, DEPARTMENT OF THE",
    ),
    agency("1700", "DEPT OF THE NAVY", "9700", "DEPT OF DEFENSE"),
    agency(
        "1900",
        "STATE, DEPARTMENT OF",
        "1900",
        "STATE, DEPARTMENT OF",
    ),
    agency("2100", "DEPT OF THE ARMY", "9700", "DEPT OF DEFENSE"),
    agency(
        "3600",
        "VETERANS AFFAIRS, DEPARTMENT OF",
        "3600",
        "VETERANS AFFAIRS, DEPARTMENT OF",
    ),
    agency(
        "4732",
        "FEDERAL ACQUISITION SERVICE",
        "4700",
        "GENERAL SERVICES ADMINISTRATION",
    ),
    agency(
        "4740",
        "PUBLIC BUILDINGS SERVICE",
        "4700",
        "GENERAL SERVICES ADMINISTRATION",
    ),
    agency("5700", "DEPT OF THE AIR FORCE", "9700", "DEPT OF DEFENSE"),
    agency(
        "6800",
        "ENVIRONMENTAL PROTECTION AGENCY",
        "6800",
        "ENVIRONMENTAL PROTECTION AGENCY",
    ),
    agency(
        "7008",
        "U.S. COAST GUARD",
        "7000",
        "HOMELAND SECURITY, DEPARTMENT OF",
    ),
    agency(
        "7523",
        "CENTERS FOR DISEASE CONTROL AND PREVENTION",
        "7500",
        "HEALTH AND HUMAN SERVICES, DEPARTMENT OF",
    ),
    agency(
        "8000",
        "NATIONAL AERONAUTICS AND SPACE ADMINISTRATION",
        "8000",
        "NATIONAL AERONAUTICS AND SPACE ADMINISTRATION",
    ),
    agency("9700", "DEPT OF DEFENSE", "9700", "DEPT OF DEFENSE"),
    agency(
        "97AS",
        "DEFENSE LOGISTICS AGENCY",
        "9700",
        "DEPT OF DEFENSE",
    ),
];

pub(crate) const OFFICES: &[Coded] = &[
    ("00791", "DENVER ACQUISITION & LOGISTICS CENTER"),
    ("140D04", "IBC ACQ SVCS DIRECTORATE (00004)"),
    ("36C10G", "TECHNOLOGY ACQUISITION CENTER"),
    ("47QTCA", "GSA/FAS CENTER FOR IT SCHEDULE PROGRAMS"),
    ("75D301", "CDC OFFICE OF ACQUISITION SERVICES"),
    ("80GSFC", "GODDARD SPACE FLIGHT CENTER"),
    ("FA8811", "SPACE SYSTEMS COMMAND \"SSC/PK\""),
    ("N00178", "NSWC DAHLGREN"),
    ("SPE7M1", "DLA LAND AND MARITIME"),
    ("W900KK", "W6QK ACC-ORLANDO"),
];

/// City, state, state's name, first three digits of the ZIP code.
pub(crate) const PLACES: &[(&str, &str, &str, &str)] = &[
    ("ARLINGTON", "VA", "VIRGINIA", "222"),
    ("BOSTON", "MA", "MASSACHUSETTS", "021"),
    ("CHICAGO", "IL", "ILLINOIS", "606"),
    ("COEUR D'ALENE", "ID", "IDAHO", "838"),
    ("HARTFORD", "CT", "CONNECTICUT", "061"),
    ("HUNTSVILLE", "AL", "ALABAMA", "358"),
    ("LA CAÑADA", "CA", "CALIFORNIA", "910"),
    ("MAYAGÜEZ", "PR", "PUERTO RICO", "006"),
    ("ORLANDO", "FL", "FLORIDA", "328"),
    ("SAINT LOUIS", "MO", "MISSOURI", "631"),
    ("SAN ANTONIO", "TX", "TEXAS", "782"),
    ("WASHINGTON", "DC", "DISTRICT OF COLUMBIA", "200"),
];

pub(crate) const STREETS: &[&str] = &[
    "RIVER RD",
    "MAIN STREET",
    "CONSTITUTION AVE NW STE 300",
    "WEAVER PKWY",
    "O'HARE DR",
    "5TH & GRAND",
    "CALLE NIÑO",
    "BEELINE HWY",
];

pub(crate) const VENDOR_STEMS: &[&str] = &[
    "ACORN",
    "BLUE HERON",
    "CAFÉ ROYAL",
    "DELTA FORGE",
    "EASTWATER",
    "FJORD & FELL",
    "GRANITE",
    "HARBOR LIGHT",
    "IRONWOOD",
    "JUNIPER",
    "KESTREL",
    "LARK & SONS",
    "MÜHLENBERG",
    "NORTH GATE",
    "O'DONNELL",
    "PINE RIDGE",
    "QUARRY",
    "RED MESA",
    "SILVER CREEK",
    "TIDEWATER",
    "UPLAND",
    "VALLÉE",
    "WHITE OAK",
    "XYLEM",
    "YUKON",
    "ZENITH",
    "山田製作所",
    "ŁĄKA",
    "R<D>",
    "\"FAST\" FREIGHT",
];

pub(crate) const VENDOR_FORMS: &[&str] = &[
    " INC",
    ", INC.",
    " LLC",
    " CORPORATION",
    " & COMPANY",
    " GMBH",
    " S.A.",
    " TECHNOLOGIES LLC",
    " SERVICES, INCORPORATED",
    " JOINT VENTURE",
];

pub(crate) const REQUIREMENTS: &[&str] = &[
    "IGF::OT::IGF JANITORIAL SERVICES",
    "VARIOUS TYPES OF HEARING AIDS",
    "TECHNOLOGY REFRESH - ADDED BATTERIES & CHARGERS",
    "RESEARCH ON COLD-WATER TURBINES, PHASE II; OPTION YEAR 3 EXERCISED, FUNDING ADDED UNDER CLIN 0004 <SEE ATTACHMENT>",
    "DREDGING OF THE LOWER CHANNEL",
    "NAÏVE BAYES FILTERS FOR MAIL ROOM SCREENING",
    "THE PURPOSE OF THIS MODIFICATION IS TO CORRECT THE PERIOD OF PERFORMANCE; ALL OTHER TERMS AND CONDITIONS REMAIN UNCHANGED",
    "AIRCRAFT SPARE PARTS",
    "Office supplies, \"green\" line",
    "0",
];

/// Product or service code, what it means, `PRODUCT` or `SERVICE`.
pub(crate) const PSC: &[(&str, &str, &str)] = &[
    ("6515", "MED & SURGICAL INSTRUMENTS,EQ & SUP", "PRODUCT"),
    ("6910", "TRAINING AIDS", "PRODUCT"),
    ("7030", "INFORMATION TECHNOLOGY SOFTWARE", "PRODUCT"),
    ("1510", "AIRCRAFT, FIXED WING", "PRODUCT"),
    ("D317", "IT AND TELECOM- WEB-BASED SUBSCRIPTION", "SERVICE"),
    (
        "R425",
        "SUPPORT- PROFESSIONAL: ENGINEERING/TECHNICAL",
        "SERVICE",
    ),
    ("S201", "HOUSEKEEPING- CUSTODIAL JANITORIAL", "SERVICE"),
    (
        "V221",
        "TRANSPORTATION/TRAVEL/RELOCATION- AIR PASSENGER",
        "SERVICE",
    ),
];

pub(crate) const NAICS: &[Coded] = &[
    (
        "236220",
        "COMMERCIAL AND INSTITUTIONAL BUILDING CONSTRUCTION",
    ),
    (
        "334510",
        "ELECTROMEDICAL AND ELECTROTHERAPEUTIC APPARATUS MANUFACTURING",
    ),
    (
        "481211",
        "NONSCHEDULED CHARTERED PASSENGER AIR TRANSPORTATION",
    ),
    ("541330", "ENGINEERING SERVICES"),
    ("541511", "CUSTOM COMPUTER PROGRAMMING SERVICES"),
    ("561720", "JANITORIAL SERVICES"),
];

pub(crate) const ACTIONS: &[Coded] = &[
    ("A", "BPA CALL"),
    ("B", "PURCHASE ORDER"),
    ("C", "DELIVERY ORDER"),
    ("D", "DEFINITIVE CONTRACT"),
];

pub(crate) const VEHICLE_ACTIONS: &[Coded] = &[
    ("A", "GWAC"),
    ("B", "IDC"),
    ("C", "FSS"),
    ("D", "BOA"),
    ("E", "BPA"),
];

pub(crate) const PRICING: &[Coded] = &[
    ("J", "FIRM FIXED PRICE"),
    ("K", "FIXED PRICE WITH ECONOMIC PRICE ADJUSTMENT"),
    ("U", "COST PLUS FIXED FEE"),
    ("Y", "TIME AND MATERIALS"),
    (
        "1",
        "ORDER DEPENDENT (IDV ALLOWS PRICING ARRANGEMENT TO BE DETERMINED SEPARATELY FOR EACH ORDER)",
    ),
];

pub(crate) const REASONS: &[Coded] = &[
    ("B", "SUPPLEMENTAL AGREEMENT FOR WORK WITHIN SCOPE"),
    ("C", "FUNDING ONLY ACTION"),
    ("G", "EXERCISE AN OPTION"),
    ("K", "CLOSE OUT"),
    ("M", "OTHER ADMINISTRATIVE ACTION"),
];

pub(crate) const EXTENTS: &[Coded] = &[
    ("A", "FULL AND OPEN COMPETITION"),
    ("C", "NOT COMPETED"),
    ("D", "FULL AND OPEN COMPETITION AFTER EXCLUSION OF SOURCES"),
    ("F", "COMPETED UNDER SAP"),
];

pub(crate) const SET_ASIDES: &[Coded] = &[
    ("NONE", "NO SET ASIDE USED."),
    ("SBA", "SMALL BUSINESS SET ASIDE - TOTAL"),
    ("8AN", "8(A) SOLE SOURCE"),
    (
        "SDVOSBC",
        "SERVICE DISABLED VETERAN OWNED SMALL BUSINESS SET-ASIDE",
    ),
];

pub(crate) const SIZES: &[Coded] = &[("S", "SMALL BUSINESS"), ("O", "OTHER THAN SMALL BUSINESS")];

pub(crate) const MULTIPLES: &[Coded] = &[("S", "SINGLE AWARD"), ("M", "MULTIPLE AWARD")];

pub(crate) const USERS: &[&str] = &[
    "MIGRATOR",
    "FPDSADMIN",
    "J.DOE@EXAMPLE.GOV",
    "M.NUÑEZ.W900KK@EXAMPLE.MIL",
    "HHSRROE",
];

pub(crate) const VERSIONS: &[&str] = &["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"];
