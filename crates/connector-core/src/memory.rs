//! The memory of the whole program: cleared when it is given back, so that no copy of a secret outlives what it was made
//! for. Copies are made where nobody can reach them: in parsers, in the bodies of requests, in the SDK and the HTTP stack.

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// Costs a write of the memory that is given back, which is in the cache most often. Not the system's own allocator: an
/// answer becomes some hundred small pieces for every instance, and that takes a sixth of all time less.
#[global_allocator]
static CLEARING: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);
