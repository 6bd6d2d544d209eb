-- expand: a grant whose row was damaged or moved is opened no more, until a new consent replaces it.

ALTER TABLE grants ADD COLUMN quarantined_at timestamptz;
