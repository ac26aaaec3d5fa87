MODEL (
  name marts.haemodynamics,
  kind FULL,
  description 'How often blood pressure and oxygen saturation reached measured limits during sessions. Observed in registry, uncontrolled.',
  grain (endpoint, dimension, level),
  audits (
    not_null(columns := (endpoint, dimension, level, numerator, denominator, n_patients, n_patients_with, n_sessions)),
    unique_combination_of_columns(columns := (endpoint, dimension, level)),
    forall(criteria := (
      numerator <= denominator,
      denominator <= n_sessions,
      n_patients_with <= n_patients,
      rate is not null or denominator = 0,
      rate is null or (ci_low <= rate and rate <= ci_high)
    ))
  )
);

with endpoints as (
  select e.endpoint::varchar as endpoint,
  from (values ('severe_pressure'), ('pressure_rise'), ('desaturation'), ('antihypertensive')) as e(endpoint)
),

kinds as (
  select s.session_kind_no, count(*) as n_sessions,
  from intermediate.int_session as s
  group by s.session_kind_no
),

strata as (
  select s.stratum_no, s.dimension, s.level, sum(k.n_sessions) as n_sessions,
  from intermediate.int_session_stratum as s
  inner join kinds as k
    on s.session_kind_no = k.session_kind_no
  group by s.stratum_no, s.dimension, s.level
),

-- Counts of one patient in one stratum: a patient treated by two routes is in both.
patients as (
  select
    v.patient_no,
    s.stratum_no,
    sum(v.n_pressure)::integer as n_pressure,
    sum(v.n_severe_pressure)::integer as n_severe_pressure,
    sum(v.n_pressure_rise)::integer as n_pressure_rise,
    sum(v.rise_mmhg) as rise_mmhg,
    sum(v.squared_rise) as squared_rise,
    sum(v.n_spo2)::integer as n_spo2,
    sum(v.n_desaturation)::integer as n_desaturation,
    sum(v.n_comed)::integer as n_comed,
    sum(v.n_antihypertensive)::integer as n_antihypertensive,
  from intermediate.int_patient_vital as v
  inner join intermediate.int_session_stratum as s
    on v.session_kind_no = s.session_kind_no
  group by v.patient_no, s.stratum_no
),

-- Patients whose counts are the same are one row from here on.
alike as (
  select
    p.stratum_no,
    p.n_pressure,
    p.n_severe_pressure,
    p.n_pressure_rise,
    p.n_spo2,
    p.n_desaturation,
    p.n_comed,
    p.n_antihypertensive,
    count(*) as n_patients,
    sum(p.rise_mmhg) as rise_mmhg,
    sum(p.squared_rise) as squared_rise,
  from patients as p
  group by
    p.stratum_no,
    p.n_pressure,
    p.n_severe_pressure,
    p.n_pressure_rise,
    p.n_spo2,
    p.n_desaturation,
    p.n_comed,
    p.n_antihypertensive
),

by_endpoint as (
  select
    a.stratum_no,
    e.endpoint,
    a.n_patients,
    case e.endpoint when 'pressure_rise' then a.rise_mmhg end as rise_mmhg,
    case e.endpoint when 'pressure_rise' then a.squared_rise end as squared_rise,
    case e.endpoint
      when 'desaturation' then a.n_spo2
      when 'antihypertensive' then a.n_comed
      else a.n_pressure
    end as measured,
    case e.endpoint
      when 'severe_pressure' then a.n_severe_pressure
      when 'pressure_rise' then a.n_pressure_rise
      when 'desaturation' then a.n_desaturation
      when 'antihypertensive' then a.n_antihypertensive
    end as reached,
  from alike as a
  cross join endpoints as e
),

sums as (
  select
    b.endpoint,
    b.stratum_no,
    sum(case when b.measured > 0 then b.n_patients else 0 end)::bigint as n_patients,
    sum(case when b.reached > 0 then b.n_patients else 0 end)::bigint as n_patients_with,
    sum(b.n_patients * b.measured)::bigint as denominator,
    sum(b.n_patients * b.reached)::bigint as numerator,
    sum(b.n_patients * b.reached * b.reached)::double as sum_yy,
    sum(b.n_patients * b.reached * b.measured)::double as sum_ym,
    sum(b.n_patients * b.measured * b.measured)::double as sum_mm,
    sum(b.rise_mmhg)::double as rise_mmhg,
    sum(b.squared_rise)::double as squared_rise,
  from by_endpoint as b
  group by b.endpoint, b.stratum_no
),

-- Every stratum with a session, even one in which nothing was measured.
filled as (
  select
    e.endpoint,
    t.dimension,
    t.level,
    t.n_sessions::bigint as n_sessions,
    coalesce(s.n_patients, 0) as n_patients,
    coalesce(s.n_patients_with, 0) as n_patients_with,
    coalesce(s.denominator, 0) as denominator,
    coalesce(s.numerator, 0) as numerator,
    s.sum_yy,
    s.sum_ym,
    s.sum_mm,
    s.rise_mmhg,
    s.squared_rise,
  from strata as t
  cross join endpoints as e
  left join sums as s
    on t.stratum_no = s.stratum_no and e.endpoint = s.endpoint
),

weighed as (
  select
    s.endpoint,
    s.dimension,
    s.level,
    s.numerator,
    s.denominator,
    @rate(s.numerator, s.denominator) as rate,
    @n_effective(s.n_patients, s.numerator, s.denominator, [s.sum_yy, s.sum_ym, s.sum_mm]) as n_effective,
    s.n_patients,
    s.n_patients_with,
    s.n_sessions,
    @rate(s.rise_mmhg, s.denominator) as mean_rise_mmhg,
    -- Rounding may leave a little less than nothing.
    case
      when s.denominator > 1
        then sqrt(greatest(s.squared_rise - s.rise_mmhg * s.rise_mmhg / s.denominator, 0) / (s.denominator - 1))
    end as sd_rise_mmhg,
  from filled as s
)

select
  w.endpoint,
  w.dimension,
  w.level,
  w.numerator,
  w.denominator,
  w.rate,
  @wilson_low(w.rate * w.n_effective, w.n_effective) as ci_low,
  @wilson_high(w.rate * w.n_effective, w.n_effective) as ci_high,
  'wilson_cluster' as ci_method,
  w.n_patients,
  w.n_patients_with,
  w.n_sessions,
  @rate(w.denominator, w.n_sessions) as measured_rate,
  w.mean_rise_mmhg,
  w.sd_rise_mmhg,
  false as is_suppressed,
  null::varchar as suppression_reason,
from weighed as w
