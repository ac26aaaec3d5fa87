MODEL (
  name intermediate.int_ae_patient_term,
  kind VIEW,
  description 'Patients with an adverse event, by term and cell: in how many sessions, how often, and when first. A patient whose sessions are all of one group has one row for all cells of the group.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    term_no = 'The term, by the number of int_ae_term.',
    cell_no = 'The cell, by the number of int_ae_cell; for a row of a group the one of all sessions.',
    group_no = 'The group (int_ae_group) whose cells the row counts in; null for a row of one cell.',
    n_sessions_with = 'Sessions of the patient in the cell with the term.',
    n_events = 'Events of the term noted at these sessions.',
    first_onset_day = 'Study day of the first onset.',
    max_grade = 'Highest grade of the patient in the cell; 0 when none was noted.',
    marks = 'What holds of at least one event, as bits (reference.ae_measures).'
  ),
  grain (patient_no, term_no, cell_no)
);

with groups as (
  select
    o.patient_no,
    o.term_no,
    coalesce(i.asked_group_no, i.all_group_no) as group_no,
    count(*)::integer as n_sessions_with,
    sum(o.n_events)::integer as n_events,
    min(o.first_onset_day) as first_onset_day,
    max(o.max_grade) as max_grade,
    bit_or(o.marks)::integer as marks,
  from intermediate.int_ae_occurrence as o
  inner join intermediate.int_ae_kind as i
    on o.kind_no = i.session_kind_no
  group by grouping sets (
    (o.patient_no, o.term_no, i.asked_group_no), (o.patient_no, o.term_no, i.all_group_no)
  )
),

group_cells as (
  select distinct g.group_no, g.cell_no, g.overall_cell_no,
  from intermediate.int_ae_group as g
),

overall as (
  select distinct g.group_no, g.overall_cell_no,
  from group_cells as g
),

-- Groups of a patient who has sessions of several: their cells may overlap, and one patient counts once in each.
visited as (
  select distinct s.patient_no, i.asked_group_no, i.all_group_no,
  from intermediate.int_session as s
  inner join intermediate.int_ae_kind as i
    on s.session_kind_no = i.session_kind_no
),

patient_groups as (
  select distinct v.patient_no, v.all_group_no as group_no,
  from visited as v
  union all
  select distinct v.patient_no, v.asked_group_no as group_no,
  from visited as v
  where v.asked_group_no is not null
),

several as (
  select p.patient_no, g.overall_cell_no,
  from patient_groups as p
  inner join overall as g
    on p.group_no = g.group_no
  group by p.patient_no, g.overall_cell_no
  having count(*) > 1
),

marked as (
  select
    t.patient_no,
    t.term_no,
    t.group_no,
    g.overall_cell_no,
    t.n_sessions_with,
    t.n_events,
    t.first_onset_day,
    t.max_grade,
    t.marks,
    s.patient_no is not null as is_of_several,
  from groups as t
  inner join overall as g
    on t.group_no = g.group_no
  left join several as s
    on t.patient_no = s.patient_no and g.overall_cell_no = s.overall_cell_no
)

select
  m.patient_no,
  m.term_no,
  m.overall_cell_no as cell_no,
  m.group_no,
  m.n_sessions_with,
  m.n_events,
  m.first_onset_day,
  m.max_grade,
  m.marks,
from marked as m
where not m.is_of_several
union all
select
  m.patient_no,
  m.term_no,
  g.cell_no,
  null as group_no,
  sum(m.n_sessions_with)::integer as n_sessions_with,
  sum(m.n_events)::integer as n_events,
  min(m.first_onset_day) as first_onset_day,
  max(m.max_grade) as max_grade,
  bit_or(m.marks)::integer as marks,
from marked as m
inner join group_cells as g
  on m.group_no = g.group_no
where m.is_of_several
group by m.patient_no, m.term_no, g.cell_no
