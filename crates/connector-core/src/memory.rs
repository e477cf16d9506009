//! The memory of the whole program: cleared when it is given back, so that no copy of a secret outlives what it was made
//! for. Copies are made where nobody can reach them: in parsers, in the bodies of requests, in the SDK and the HTTP stack.

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

/// Costs a write of the memory that is given back, which is in the cache most often.
#[global_allocator]
static CLEARING: ZeroAlloc<System> = ZeroAlloc(System);
