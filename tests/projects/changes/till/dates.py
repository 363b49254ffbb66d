"""Days on which parcels travel."""

from datetime import timedelta


class Calendar:
    def __init__(self, holidays, cutoff_hour):
        self.holidays = set(holidays)
        self.cutoff_hour = cutoff_hour

    def arrival(self, ordered, days):
        left = days + (1 if ordered.hour >= self.cutoff_hour else 0)
        day = ordered
        while left:
            day += timedelta(days=1)
            left -= self.works(day)
        return day

    def works(self, day):
        return day.weekday() < 5 and day.date().isoformat() not in self.holidays
