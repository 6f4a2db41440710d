"""Results as one self-contained HTML page: no file beside it and nothing fetched, fit to be kept with a CI job."""

from flowops.report.pages.difference import difference_page
from flowops.report.pages.plan import plan_page
from flowops.report.pages.problems import problems_page
from flowops.report.pages.result import result_page

__all__ = ["difference_page", "plan_page", "problems_page", "result_page"]
