mod compare;
mod hybrid;
mod limits;
mod random;
