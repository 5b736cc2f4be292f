"""A made-up tea and kitchen shop as its till exports it: one Chinese table of orders, in an encoding of its own."""

from pathlib import Path

import polars as pl

from recsys.data.synthetic import make_world

SHOP = "订单.csv"
COLUMNS = {
    "user_id": "会员号",
    "item_id": "货号",
    "title": "品名",
    "category": "类目",
    "price": "单价",
    "at": "下单时间",
}
_WORDS = {
    "garden": "花园",
    "kitchen": "厨房",
    "stationery": "文具",
    "toys": "玩具",
    "red": "红色",
    "blue": "蓝色",
    "small": "小号",
    "large": "大号",
    "classic": "经典",
    "folding": "折叠",
    "trowel": "泥铲",
    "seed": "种子",
    "hedge": "树篱",
    "watering": "浇水",
    "flowerpot": "花盆",
    "compost": "堆肥",
    "lawn": "草坪",
    "bulb": "球根",
    "saucepan": "炖锅",
    "whisk": "打蛋器",
    "oven": "烤箱",
    "ladle": "汤勺",
    "teapot": "茶壶",
    "spice": "香料",
    "baking": "烘焙",
    "chopping": "砧板",
    "notebook": "笔记本",
    "pencil": "铅笔",
    "eraser": "橡皮",
    "envelope": "信封",
    "ink": "墨水",
    "folder": "文件夹",
    "stapler": "订书机",
    "ruler": "尺子",
    "puzzle": "拼图",
    "marble": "弹珠",
    "kite": "风筝",
    "doll": "娃娃",
    "spinning": "陀螺",
    "puppet": "木偶",
    "blocks": "积木",
    "skipping": "跳绳",
}


def write(directory: Path, *, n_users: int = 210, n_items: int = 60) -> None:
    """The orders of `make_world`'s shop, with `;` between columns, in GB 18030, by the clock of Shanghai."""
    directory.mkdir()
    world = make_world(n_users=n_users, n_items=n_items, seed=1)
    items = world.items.select(
        "item_id",
        "price",
        title=pl.col("title").str.split(" ").list.eval(pl.element().replace_strict(_WORDS)).list.join(""),
        category=pl.col("category").replace_strict(_WORDS),
    )
    bought = world.events.filter(pl.col("event") == "purchase").join(items, on="item_id")
    here = pl.col("timestamp").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Shanghai")
    table = bought.with_columns(at=here.dt.strftime("%Y年%m月%d日 %H:%M:%S"))
    named = table.select(pl.col(column).alias(name) for column, name in COLUMNS.items())
    (directory / SHOP).write_bytes(named.write_csv(separator=";").encode("gb18030"))
