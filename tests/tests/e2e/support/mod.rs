//! What the tests share: programs, processes, a folder of their own, and an independent look at the lake.

pub(crate) mod cluster;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod lake;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod wait;

pub(crate) use cluster::Cluster;
pub(crate) use lake::Lake;
pub(crate) use place::Place;
