"""When: schedules and events. Imports airflow and the composition root only."""
