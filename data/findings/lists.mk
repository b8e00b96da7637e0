# What the tables in configs/experiment/findings/ train on and are judged by, made from collections in BEIR's layout.
# BEIR      folder with scifact/, cranfield/ and vaswani/
# LLM       writes the queries, on a CPU four minutes of a core for each hundred
# TEACHER   cross-encoder that scores them
# Both are folders or names of a hub: make findings BEIR=... LLM=... TEACHER=...

BEIR ?= $(DR_LIGHTNING_BEIR)
LLM ?= Qwen/Qwen2.5-Coder-0.5B-Instruct
TEACHER ?= cross-encoder/ms-marco-MiniLM-L12-v2
BI_ENCODER ?= BAAI/bge-small-en-v1.5

PY := data/pydocs/corpus.parquet
S := work/scifact
C := work/cranfield
V := work/vaswani
TYPES := [question,claim,title,keywords,search,msmarco]
SEARCH := $(CLI) retrieve --encoder configs/encoder/minilm.yaml --overwrite true
SCORE := $(CLI) score --teacher SequenceClassifier --teacher.model $(TEACHER) --overwrite true
CURATE := $(CLI) curate --overwrite true
WRITE := $(CLI) generate --config configs/generate/huggingface.yaml --engine.model $(LLM) --types $(TYPES) --overwrite true

# --- pydocs: the queries and positives of its lists, with other teachers ------------

$(WORK)/kept_queries.parquet: $(WORK)/lists/train.parquet
	$(BIN)/python data/findings/cut_lists.py kept_queries --queries $(WORK)/queries.parquet --lists $(WORK)/lists --out $@

SAME := $(CURATE) --queries $(WORK)/kept_queries.parquet --rules.drop_beaten_source false --rules.drop_low_best false
AGAIN := $(CLI) score --candidates $(WORK)/teacher_scores.parquet --depth 20 --queries $(WORK)/kept_queries.parquet \
  --corpus $(PY) --fail_fast false --overwrite true

$(WORK)/bm25_scores.parquet: $(WORK)/kept_queries.parquet
	$(AGAIN) --teacher BM25Score --out $@

$(WORK)/bge_scores.parquet: $(WORK)/kept_queries.parquet
	$(AGAIN) --teacher configs/teacher/encoder_score.yaml --teacher.encoder.backbone $(BI_ENCODER) --out $@

$(WORK)/lists_bm25/train.parquet $(WORK)/lists_bge/train.parquet: $(WORK)/lists_%/train.parquet: $(WORK)/%_scores.parquet
	$(SAME) --teacher_scores $< --out $(@D)

$(WORK)/lists_mean/train.parquet: $(WORK)/bm25_scores.parquet
	$(SAME) --teacher_scores '[$(WORK)/teacher_scores.parquet, $<]' --out $(@D)

# Candidates 100 deep and 20 deep of the same queries: those whose source passage the teacher ranks first of 100.
$(WORK)/deep_candidates.parquet: $(WORK)/kept_queries.parquet
	$(SEARCH) --encoder.passage.max_tokens 128 --corpus $(PY) --queries $< --out $@

DEEP := $(SCORE) --teacher.max_tokens 256 --corpus $(PY) --queries $(WORK)/kept_queries.parquet --candidates $(WORK)/deep_candidates.parquet

$(WORK)/deep_scores.parquet: $(WORK)/deep_candidates.parquet
	$(DEEP) --depth 100 --out $@

$(WORK)/lists_100/train.parquet: $(WORK)/deep_scores.parquet
	$(CURATE) --queries $(WORK)/kept_queries.parquet --rules.drop_low_best false --teacher_scores $< --out $(@D)

$(WORK)/shallow_scores.parquet: $(WORK)/deep_scores.parquet
	$(DEEP) --depth 20 --reuse $< --out $@

$(WORK)/deep_queries.parquet: $(WORK)/lists_100/train.parquet
	$(BIN)/python data/findings/cut_lists.py kept_queries --queries $(WORK)/kept_queries.parquet --lists $(<D) --out $@

$(WORK)/lists_20/train.parquet: $(WORK)/shallow_scores.parquet $(WORK)/deep_queries.parquet
	$(CURATE) --queries $(WORK)/deep_queries.parquet --rules.drop_low_best false --teacher_scores $< --out $(@D)

# --- SciFact: human queries, an LLM's, and both -------------------------------------

$S/corpus.parquet:
	$(CLI) ingest --source $(BEIR)/scifact --out $S

$S/candidates.parquet: $S/corpus.parquet
	$(SEARCH) --corpus $< --queries $S/train/queries.parquet --out $@

$S/teacher_scores.parquet: $S/candidates.parquet
	$(SCORE) --corpus $S/corpus.parquet --queries $S/train/queries.parquet --candidates $< --depth 10 \
	  --qrels $S/train/qrels.parquet --add_relevant true --out $@

$S/lists/train.parquet: $S/teacher_scores.parquet
	$(CURATE) --queries $S/train/queries.parquet --qrels $S/train/qrels.parquet --teacher_scores $< \
	  --rules.min_candidates 2 --rules.list_length 10 --dev_share 0.2 --out $(@D)

$S/llm_queries.parquet: $S/corpus.parquet
	$(WRITE) --corpus $< --passages 300 --types_per_passage 1 --out $@

$S/llm_candidates.parquet: $S/llm_queries.parquet
	$(SEARCH) --encoder.passage.max_tokens 128 --depth 20 --corpus $S/corpus.parquet --queries $< --out $@

$S/llm_scores.parquet: $S/llm_candidates.parquet
	$(SCORE) --corpus $S/corpus.parquet --queries $S/llm_queries.parquet --candidates $< --depth 10 --out $@

$S/all_synthetic/train.parquet: $S/llm_scores.parquet
	$(CURATE) --queries $S/llm_queries.parquet --teacher_scores $< --rules.min_candidates 10 --rules.list_length 10 --out $(@D)

$S/human.parquet: $S/corpus.parquet
	$(BIN)/python data/findings/cut_lists.py sample --rows 180 --file $S/train/queries.parquet --out $@

$S/human_scores.parquet: $S/human.parquet $S/candidates.parquet
	$(SCORE) --corpus $S/corpus.parquet --queries $< --candidates $S/candidates.parquet --depth 10 \
	  --qrels $S/train/qrels.parquet --add_relevant true --out $@

$S/all_human/train.parquet: $S/human_scores.parquet
	$(CURATE) --queries $S/human.parquet --qrels $S/train/qrels.parquet --teacher_scores $< \
	  --rules.min_candidates 2 --rules.list_length 10 --out $(@D)

$S/lists_both/train.parquet: $S/all_human/train.parquet $S/all_synthetic/train.parquet
	$(BIN)/python data/findings/cut_lists.py halves --human $S/all_human --synthetic $S/all_synthetic --rows 162 --out $S

# --- Cranfield, SciFact, Vaswani: an LLM's queries for passages that stand there once -

$C/ingested/corpus.parquet:
	$(CLI) ingest --source $(BEIR)/cranfield --out $(@D)

$V/corpus.parquet:
	$(CLI) ingest --source $(BEIR)/vaswani --out $(@D)

$C/unique/corpus.parquet: $C/ingested/corpus.parquet
$S/unique/corpus.parquet: $S/corpus.parquet
$V/unique/corpus.parquet: $V/corpus.parquet
$C/unique/corpus.parquet $S/unique/corpus.parquet $V/unique/corpus.parquet:
	$(CLI) deduplicate --corpus $< --out $(@D)

# Six for each of 150 passages: a type alone can be compared with the others on the same passages.
SIX := $C/six_types $S/six_types
BY_LLM := $(SIX) $V/llm

$(SIX:%=%/queries.parquet): %/six_types/queries.parquet: %/unique/corpus.parquet
	$(WRITE) --corpus $< --passages 150 --engine.batch_size 32 --example_sets 2 --part_queries 450 --out $@

# One, of a type drawn at random, for each of 400 passages.
$V/llm/queries.parquet: $V/unique/corpus.parquet
	$(WRITE) --corpus $< --passages 400 --types_per_passage 1 --engine.batch_size 32 --out $@

$(BY_LLM:%=%/candidates.parquet): %/candidates.parquet: %/queries.parquet
	$(SEARCH) --encoder.passage.max_tokens 128 --depth 20 --corpus $(dir $*)unique/corpus.parquet --queries $< --out $@

$(BY_LLM:%=%/teacher_scores.parquet): %/teacher_scores.parquet: %/candidates.parquet
	$(SCORE) --teacher.max_tokens 256 --corpus $(dir $*)unique/corpus.parquet --queries $*/queries.parquet \
	  --candidates $< --depth 10 --out $@

$(BY_LLM:%=%/lists/train.parquet): %/lists/train.parquet: %/teacher_scores.parquet
	$(CURATE) --queries $*/queries.parquet --teacher_scores $< --rules.min_candidates 10 --rules.list_length 10 --out $(@D)

$C/types/one_a_passage.parquet $S/types/one_a_passage.parquet: %/types/one_a_passage.parquet: %/six_types/lists/train.parquet
	$(BIN)/python data/findings/cut_lists.py types --lists $< --queries $*/six_types/queries.parquet --out $(@D)

# --- the teacher's own ranking of the test queries, a bound -------------------------

$S/test_candidates.parquet: $S/corpus.parquet
	$(SEARCH) --corpus $< --queries $S/test/queries.parquet --out $@

$C/test_candidates.parquet: $C/ingested/corpus.parquet
	$(SEARCH) --corpus $< --queries $C/ingested/test/queries.parquet --out $@

$V/test_candidates.parquet: $V/corpus.parquet
	$(SEARCH) --corpus $< --queries $V/test/queries.parquet --out $@

$V/test_teacher.parquet: $V/test_candidates.parquet
	$(SCORE) --corpus $V/corpus.parquet --queries $V/test/queries.parquet --candidates $< --depth 20 --out $@

$S/test_teacher.parquet: $S/test_candidates.parquet
	$(SCORE) --corpus $S/corpus.parquet --queries $S/test/queries.parquet --candidates $< --depth 20 --out $@

$C/test_teacher.parquet: $C/test_candidates.parquet
	$(SCORE) --corpus $C/ingested/corpus.parquet --queries $C/ingested/test/queries.parquet --candidates $< --depth 20 --out $@

# --- the tables ---------------------------------------------------------------------

ON_PYDOCS := objectives_pydocs constants_pydocs teachers_pydocs students_pydocs
ON_BEIR := objectives_scifact objectives_cranfield types_cranfield types_scifact queries_scifact objectives_vaswani
FINDINGS := $(ON_PYDOCS) $(if $(BEIR),$(ON_BEIR))

findings/objectives_pydocs findings/students_pydocs: lists
findings/constants_pydocs: $(WORK)/lists_mean/train.parquet $(WORK)/lists_20/train.parquet $(WORK)/lists_100/train.parquet
findings/teachers_pydocs: $(WORK)/lists_mean/train.parquet $(WORK)/lists_bm25/train.parquet $(WORK)/lists_bge/train.parquet
findings/objectives_scifact: $S/lists/train.parquet $S/test_teacher.parquet
findings/queries_scifact: $S/lists_both/train.parquet
findings/objectives_cranfield: $C/types/one_a_passage.parquet $C/test_teacher.parquet
findings/types_cranfield: $C/types/one_a_passage.parquet
findings/types_scifact: $S/types/one_a_passage.parquet
findings/objectives_vaswani: $V/llm/lists/train.parquet $V/test_teacher.parquet

.PHONY: findings $(addprefix findings/,$(ON_PYDOCS) $(ON_BEIR))

$(addprefix findings/,$(ON_PYDOCS) $(ON_BEIR)): findings/%: | $(VENV)/quickstart.stamp
	$(CLI) sweep --config configs/experiment/findings/$*.yaml

findings: $(addprefix findings/,$(FINDINGS))
	@$(if $(BEIR),true,echo "SciFact, Cranfield and Vaswani are left out: give BEIR=FOLDER, see data/findings/lists.mk")
