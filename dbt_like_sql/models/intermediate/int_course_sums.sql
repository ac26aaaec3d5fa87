MODEL (
  name intermediate.int_course_sums,
  kind FULL,
  description 'Induction courses with an eligible baseline and a mature window, counted by which course of the patient they are, with the sums over patients that an interval of several courses of a patient needs.',
  column_descriptions (
    indication = 'all, or the diagnosis that the first course of the patient is for.',
    instrument = 'The outcome instrument.',
    time_window = 'wk4 or end_of_induction, counted from the start of each course.',
    definition = 'response, substantial, remission, remission_strict or deterioration.',
    estimand = 'nri or observed.',
    course = '1, 2, 3_and_later or all.',
    n_patients = 'Patients with such a course in the denominator.',
    n_courses = 'Courses in the denominator.',
    n_met = 'Those of them that meet the definition.',
    n_eligible = 'Courses with an eligible baseline and a mature window.',
    n_observed = 'Those of them with a score in the window.',
    met_squares = 'Over patients the sum of the squared number of courses that meet it.',
    met_times_courses = 'Over patients the sum of that number times the number of courses.',
    course_squares = 'Over patients the sum of the squared number of courses.'
  ),
  grain (indication, instrument, time_window, definition, estimand, course),
  audits (
    not_null(columns := (indication, instrument, time_window, definition, estimand, course, n_met, n_courses)),
    unique_combination_of_columns(columns := (indication, instrument, time_window, definition, estimand, course)),
    forall(criteria := (n_met between 0 and n_courses, n_patients <= n_courses))
  )
);

with courses as (
  select
    r.patient_no,
    r.instrument_no,
    w.time_window,
    case
      when g.is_all then 'all'
      when r.course_no = 1 then '1'
      when r.course_no = 2 then '2'
      else '3_and_later'
    end as course,
    r.window_score is not null as is_observed,
    r.is_response,
    r.is_substantial,
    r.is_remission,
    r.is_remission_strict,
    r.is_deterioration,
  from intermediate.int_course_response as r
  inner join reference.time_windows as w
    on r.window_no = w.position
  cross join (values (false), (true)) as g(is_all)
  where r.is_eligible and r.is_mature and w.time_window in ('wk4', 'end_of_induction')
),

patients as (
  select
    c.patient_no,
    c.instrument_no,
    c.time_window,
    c.course,
    count(*) as n_eligible,
    count(case when c.is_observed then 1 end) as n_observed,
    @each(
      [response, substantial, remission, remission_strict, deterioration],
      d -> count(case when c.is_@{d} then 1 end) as n_@{d}
    ),
  from courses as c
  group by c.patient_no, c.instrument_no, c.time_window, c.course
),

-- Few patients differ in these numbers, so the many are one row each from here on.
alike as (
  select
    k.indication_code,
    p.instrument_no,
    p.time_window,
    p.course,
    p.n_eligible,
    p.n_observed,
    @each([response, substantial, remission, remission_strict, deterioration], d -> p.n_@{d}),
    count(*) as n_patients,
  from patients as p
  inner join intermediate.int_patient_kind as k
    on p.patient_no = k.patient_no
  group by
    k.indication_code,
    p.instrument_no,
    p.time_window,
    p.course,
    p.n_eligible,
    p.n_observed,
    @each([response, substantial, remission, remission_strict, deterioration], d -> p.n_@{d})
),

outcomes as (
  select
    case when s.has_indication then a.indication_code else 'all' end as indication,
    i.instrument,
    a.time_window,
    d.definition,
    e.estimand,
    a.course,
    a.n_patients,
    a.n_eligible,
    a.n_observed,
    case e.estimand when 'observed' then a.n_observed else a.n_eligible end as n_courses,
    @of_definition(d.definition, a, '') as n_met,
  from alike as a
  inner join intermediate.int_instrument as i
    on a.instrument_no = i.instrument_no
  inner join reference.definitions as d
    on i.instrument = d.instrument
  cross join (values ('nri'), ('observed')) as e(estimand)
  cross join (values (false), (true)) as s(has_indication)
)

select
  o.indication::varchar as indication,
  o.instrument,
  o.time_window,
  o.definition,
  o.estimand::varchar as estimand,
  o.course::varchar as course,
  sum(case when o.n_courses > 0 then o.n_patients else 0 end)::bigint as n_patients,
  sum(o.n_patients * o.n_courses)::bigint as n_courses,
  sum(o.n_patients * o.n_met)::bigint as n_met,
  sum(o.n_patients * o.n_eligible)::bigint as n_eligible,
  sum(o.n_patients * o.n_observed)::bigint as n_observed,
  sum(o.n_patients * o.n_met * o.n_met)::bigint as met_squares,
  sum(o.n_patients * o.n_met * o.n_courses)::bigint as met_times_courses,
  sum(o.n_patients * o.n_courses * o.n_courses)::bigint as course_squares,
from outcomes as o
group by o.indication, o.instrument, o.time_window, o.definition, o.estimand, o.course
