"""Archives of images and videos -> a Parquet data set of readings, on one machine or on many.

listing    sources as people name them -> files, on this machine or in a store (storage)
plan       files -> shards: what one process reads in one go (parquet: which rows)
reading    a shard -> its images, one after the other
work       images -> rows, written as one part; the same in every engine (records)
pool       workers that may die, and the local engine: processes
cluster    the other engine: Ray
dataset    the folder: what is in it, and what of it is done
run        all of it from end to end (settings, summary)

from mien.recognize.batch import run_batch

if __name__ == "__main__":
    run_batch(["photos"], "readings")
"""

from mien.recognize.batch.records import Tally
from mien.recognize.batch.run import BatchResult, Status, run_batch
from mien.recognize.batch.settings import BatchSettings

__all__ = ["BatchResult", "BatchSettings", "Status", "Tally", "run_batch"]
